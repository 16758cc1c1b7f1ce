import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";

import {
  blobPath,
  GZIP_LAYER,
  TAR_LAYER,
  writeLayout,
  type WrittenLayer,
} from "../../../src/portlayer/storage/layout-writer.ts";
import { makeTar, type TarEntry } from "./tar.ts";

/** What a test's image is made of. */
export interface ImageContent {
  /** Each a list of members, or the bytes of a tar. */
  readonly layers: readonly (readonly TarEntry[] | Buffer)[];
  readonly compression?: "gzip" | "zstd" | "none";
  /** The `config` object of the image configuration. */
  readonly config?: object;
  readonly architecture?: string;
  readonly created?: string;
  readonly tag?: string;
}

const COMPRESSIONS = {
  gzip: { mediaType: GZIP_LAYER, compress: gzipSync },
  zstd: { mediaType: `${TAR_LAYER}+zstd`, compress: zstdCompressSync },
  none: { mediaType: TAR_LAYER, compress: (bytes: Buffer) => bytes },
};

/** Writes an OCI layout with one image; returns the digest of its manifest. */
export async function writeOciImage(folder: string, content: ImageContent): Promise<string> {
  const { compression = "gzip", tag = "latest" } = content;
  const { mediaType, compress } = COMPRESSIONS[compression];
  const layers: WrittenLayer[] = [];
  for (const tar of tarsOf(content)) {
    const blob = compress(tar);
    layers.push({ mediaType, digest: await writeBlob(folder, blob), sizeBytes: blob.length });
  }
  return writeLayout(folder, { layers, configuration: configurationOf(content), tag });
}

/** Writes a blob into a layout; returns its digest. */
export async function writeBlob(folder: string, bytes: Buffer): Promise<string> {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  await mkdir(dirname(blobPath(folder, digest)), { recursive: true });
  await writeFile(blobPath(folder, digest), bytes);
  return digest;
}

/** An entry of an index, as a test writes it. */
export interface IndexEntry {
  readonly digest: string;
  readonly architecture: string;
}

/** Puts a layout's images behind a nested index, as multi-platform images have it. */
export async function nestInIndex(
  folder: string,
  entries: readonly IndexEntry[],
  tag = "latest",
): Promise<void> {
  const manifests = await Promise.all(
    entries.map(async ({ digest, architecture }) => ({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size: (await readFile(blobPath(folder, digest))).length,
      platform: { os: "linux", architecture },
    })),
  );
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests }));
  const digest = await writeBlob(folder, index);
  const annotations = { "org.opencontainers.image.ref.name": tag };
  const top = {
    schemaVersion: 2,
    manifests: [{ mediaType: INDEX, digest, size: index.length, annotations }],
  };
  await writeFile(join(folder, "index.json"), JSON.stringify(top));
}

const INDEX = "application/vnd.oci.image.index.v1+json";

/** The uncompressed layers. */
export function tarsOf({ layers }: ImageContent): Buffer[] {
  return layers.map((layer) => (Buffer.isBuffer(layer) ? layer : makeTar(layer)));
}

/** The image's id: the digest of its configuration. */
export function imageIdOf(content: ImageContent): string {
  const document = JSON.stringify(configurationOf(content));
  return `sha256:${createHash("sha256").update(document).digest("hex")}`;
}

/** The image configuration document. */
export function configurationOf(content: ImageContent): object {
  const ids = tarsOf(content).map((tar) => `sha256:${createHash("sha256").update(tar).digest("hex")}`);
  const { architecture = "amd64", created, config = { Cmd: ["/bin/sh"] } } = content;
  return { created, architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: ids } };
}
