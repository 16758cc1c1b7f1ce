import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A layer whose blob already lies in the layout. */
export interface WrittenLayer {
  readonly mediaType: string;
  /** Of the blob as it is. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** Media types of an uncompressed and a gzipped layer. */
export const TAR_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const GZIP_LAYER = `${TAR_LAYER}+gzip`;

/** What OCI calls a manifest. */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** An image's documents, byte for byte. */
export interface ImageDocuments {
  readonly manifest: { readonly mediaType: string; readonly digest: string; readonly text: string };
  readonly configuration: { readonly digest: string; readonly text: string };
}

/** Completes an OCI layout folder, in which the layers lie already, with documents that are there, and no tag. */
export async function writeDocuments(
  folder: string,
  { manifest, configuration }: ImageDocuments,
): Promise<void> {
  for (const { digest, text } of [manifest, configuration]) {
    const path = blobPath(folder, digest);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  const { mediaType, digest, text } = manifest;
  await writeIndex(folder, { mediaType, digest, size: Buffer.byteLength(text) });
}

/**
 * Completes an OCI layout folder around its layers: configuration, manifest and index with one tag. The
 * same input gives the same bytes. Returns the digest of the manifest.
 */
export async function writeLayout(
  folder: string,
  { layers, configuration, tag }: { layers: readonly WrittenLayer[]; configuration: object; tag: string },
): Promise<string> {
  const config = await writeJsonBlob(folder, "application/vnd.oci.image.config.v1+json", configuration);
  const manifest = await writeJsonBlob(folder, OCI_MANIFEST, {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config,
    layers: layers.map(({ mediaType, digest, sizeBytes }) => ({ mediaType, digest, size: sizeBytes })),
  });
  const annotations = { "org.opencontainers.image.ref.name": tag };
  await writeIndex(folder, { ...manifest, annotations });
  return manifest.digest;
}

async function writeIndex(folder: string, manifest: object): Promise<void> {
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}

/** Where a blob lies in a layout. */
export function blobPath(folder: string, digest: string): string {
  return join(folder, "blobs", ...digest.split(":"));
}

async function writeJsonBlob(folder: string, mediaType: string, document: object) {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const path = blobPath(folder, digest);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return { mediaType, digest, size: bytes.length };
}
