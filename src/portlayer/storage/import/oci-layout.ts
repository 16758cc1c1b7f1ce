import { createHash } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { TetherError } from "../../../protocol/errors/index.ts";
import { blobPath, type ImageDocuments, OCI_MANIFEST } from "../layout-writer.ts";
import {
  type Descriptor,
  type ImageConfigurationDocument,
  type ImageManifest,
  imageConfigurationSchema,
  imageIndexSchema,
  imageManifestSchema,
  parseDocument,
} from "./documents.ts";

/** Where the name of an image is kept in `index.json`. */
const TAG_ANNOTATION = "org.opencontainers.image.ref.name";

/** Documents larger than this are no manifests: containers/image's limit. */
const DOCUMENT_SIZE_LIMIT = 4 * 1024 * 1024;

/** Indexes may hold indexes; nobody nests them deeper. */
const NESTING_LIMIT = 4;

/** An image found in an OCI layout folder. Its documents are checked against their digests, its layers not yet. */
export interface LayoutImage {
  readonly folder: string;
  /** Of the configuration: Docker's image id. */
  readonly digest: string;
  readonly manifest: ImageManifest;
  readonly configuration: ImageConfigurationDocument;
  /** The documents as they are. */
  readonly documents: ImageDocuments;
}

/**
 * Finds an image in an OCI layout folder: the one with the tag, or the only one. `text` names the image in
 * messages. Throws `image-not-found`, `image-platform` or `image-corrupt`.
 */
export async function openLayout(
  folder: string,
  tag: string | undefined,
  text: string,
): Promise<LayoutImage> {
  const index = await readIndex(folder, text);
  const layout = { folder, text };
  const descriptor = await toManifest(layout, selectTagged(index, tag, text), 0);
  const manifestText = await readBlob(layout, descriptor);
  const manifest = parse(imageManifestSchema, manifestText, "the manifest", text);
  const configurationText = await readBlob(layout, manifest.config);
  const configuration = parse(imageConfigurationSchema, configurationText, "the image configuration", text);
  const documents = {
    manifest: {
      mediaType: manifest.mediaType ?? descriptor.mediaType ?? OCI_MANIFEST,
      digest: descriptor.digest,
      text: manifestText,
    },
    configuration: { digest: manifest.config.digest, text: configurationText },
  };
  return { folder, digest: manifest.config.digest, manifest, configuration, documents };
}

interface Layout {
  readonly folder: string;
  readonly text: string;
}

async function readIndex(folder: string, text: string): Promise<Descriptor[]> {
  try {
    const index = await readFile(join(folder, "index.json"), "utf8");
    return parse(imageIndexSchema, index, "index.json", text).manifests;
  } catch (error) {
    if (error instanceof TetherError) throw error;
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    const reason = isFolder ? "is not an OCI image layout: it has no readable index.json" : "is no folder";
    throw new TetherError("image-not-found", `image ${text}: ${folder} ${reason}`, { cause: error });
  }
}

function selectTagged(manifests: readonly Descriptor[], tag: string | undefined, text: string): Descriptor {
  const found = manifests.filter((entry) => tag === undefined || entry.annotations?.[TAG_ANNOTATION] === tag);
  // The last one wins, as for umoci: writers append.
  const chosen = found.at(-1);
  if (chosen !== undefined && (tag !== undefined || found.length === 1)) return chosen;
  const tags = manifests
    .map((entry) => entry.annotations?.[TAG_ANNOTATION])
    .filter((name) => name !== undefined);
  const known = tags.length === 0 ? "" : `; it has ${tags.slice(0, 10).join(", ")}`;
  const reason =
    tag === undefined
      ? `the layout holds ${manifests.length} images: name one by its tag`
      : `no tag ${JSON.stringify(tag)}`;
  throw new TetherError("image-not-found", `image ${text}: ${reason}${known}`);
}

/** Follows indexes down to the manifest for linux/amd64. */
async function toManifest(layout: Layout, descriptor: Descriptor, depth: number): Promise<Descriptor> {
  if (!isIndex(descriptor.mediaType)) return descriptor;
  if (depth === NESTING_LIMIT) throw corrupt(layout.text, "its indexes are nested too deeply");
  const { manifests } = parse(
    imageIndexSchema,
    await readBlob(layout, descriptor),
    "the image index",
    layout.text,
  );
  const isWanted = ({ platform }: Descriptor) =>
    platform?.os === "linux" && platform.architecture === "amd64";
  const chosen =
    manifests.find(isWanted) ?? manifests.find(({ mediaType, platform }) => !platform && isIndex(mediaType));
  if (chosen !== undefined) return toManifest(layout, chosen, depth + 1);
  const platforms = manifests.map(({ platform }) =>
    platform ? `${platform.os}/${platform.architecture}` : "unknown",
  );
  throw new TetherError(
    "image-platform",
    `image ${layout.text} is not made for linux/amd64, only for ${[...new Set(platforms)].join(", ") || "nothing"}`,
  );
}

const isIndex = (mediaType: string | null | undefined) =>
  mediaType === "application/vnd.oci.image.index.v1+json" ||
  mediaType === "application/vnd.docker.distribution.manifest.list.v2+json";

async function readBlob({ folder, text }: Layout, { digest, size }: Descriptor): Promise<string> {
  if (size > DOCUMENT_SIZE_LIMIT)
    throw corrupt(text, `${digest} is too large for a document (${size} bytes)`);
  const bytes = await readExactly(blobPath(folder, digest), size).catch((error: unknown) => {
    throw corrupt(
      text,
      `${digest} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const [algorithm = "", hex] = digest.split(":");
  if (createHash(algorithm).update(bytes).digest("hex") !== hex)
    throw corrupt(text, `${digest} does not match its content`);
  return bytes.toString("utf8");
}

/** Reads one byte more than promised at most: a blob that is larger is as wrong as a smaller one. */
async function readExactly(path: string, size: number): Promise<Buffer> {
  await using file = await open(path, "r");
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size + 1), 0, size + 1, 0);
  if (bytesRead !== size)
    throw new Error(`it has ${bytesRead > size ? "more" : "less"} than its ${size} bytes`);
  return buffer.subarray(0, size);
}

function parse<T>(
  schema: Parameters<typeof parseDocument<T>>[0],
  json: string,
  what: string,
  text: string,
): T {
  try {
    return parseDocument(schema, json);
  } catch (error) {
    throw corrupt(text, `${what} is invalid: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function corrupt(text: string, reason: string): TetherError {
  return new TetherError("image-corrupt", `image ${text} is corrupt: ${reason}`);
}
