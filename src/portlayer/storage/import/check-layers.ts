import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { link, mkdir, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { TetherError } from "../../../protocol/errors/index.ts";
import { blobPath, TAR_LAYER, type WrittenLayer } from "../layout-writer.ts";
import { decompressorFor } from "./decompression.ts";
import type { Descriptor } from "./documents.ts";
import { type LayerFacts, LayerInspector } from "./layer-inspector.ts";
import type { LayoutImage } from "./oci-layout.ts";

const READ_SIZE = 1024 * 1024;

/** A layer that was read to its end. */
export interface CheckedLayer extends WrittenLayer, Omit<LayerFacts, "diffId" | "entries"> {}

/** Layers that were read to their end, decompressed and found well-formed, as blobs of a new layout. */
export interface CheckedLayers {
  readonly layers: readonly CheckedLayer[];
  /** Members of all tars together: an upper bound for the inodes of the tree. */
  readonly entries: number;
  /** Bytes of all tars together: an upper bound, but for padding, for the content of the tree. */
  readonly sizeBytes: number;
}

/**
 * Puts the layers of an image, uncompressed, into the layout `target`: copies, or links where nothing is compressed, for
 * which the image's folder has to be ours. Everything there has been checked: size, digest, diff id, compression, and
 * the path of every member. Throws `image-corrupt`, `image-unsafe` or `no-space`.
 */
export async function checkLayers(
  image: LayoutImage,
  target: string,
  text: string,
  signal: AbortSignal | undefined,
): Promise<CheckedLayers> {
  const diffIds = image.configuration.rootfs.diff_ids;
  if (diffIds.length !== image.manifest.layers.length) {
    throw new TetherError(
      "image-corrupt",
      `image ${text} is corrupt: ${image.manifest.layers.length} layers but ${diffIds.length} diff ids`,
    );
  }
  let total: CheckedLayers = { layers: [], entries: 0, sizeBytes: 0 };
  for (const [number, layer] of image.manifest.layers.entries()) {
    const name = `layer ${layer.digest} of image ${text}`;
    const facts = await checkLayer(blobPath(image.folder, layer.digest), layer, { target, name, signal });
    if (facts.diffId !== diffIds[number]) {
      throw new TetherError(
        "image-corrupt",
        `${name} is corrupt: its content does not match the diff id ${diffIds[number]}`,
      );
    }
    total = add(total, facts);
  }
  return total;
}

/** The same for a plain tar, which has no digest to match and becomes the only layer. */
export async function checkRootTar(
  file: string,
  target: string,
  text: string,
  signal: AbortSignal | undefined,
) {
  const facts = await checkLayer(file, undefined, { target, name: `the tar of image ${text}`, signal });
  return { ...add({ layers: [], entries: 0, sizeBytes: 0 }, facts), diffId: facts.diffId };
}

interface LayerCopy {
  readonly target: string;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

async function checkLayer(
  blob: string,
  expected: Descriptor | undefined,
  { target, name, signal }: LayerCopy,
): Promise<LayerFacts> {
  if (expected !== undefined) await checkDescriptor(blob, expected, name);
  const copy = join(target, "blobs", "sha256", "incoming");
  await mkdir(dirname(copy), { recursive: true });
  const digester = new Digester(expected?.digest);
  const inspector = new LayerInspector(name, await spaceFor(target));
  const decompressor = await decompressorFor(blob);
  const isLinked = decompressor === undefined && expected !== undefined;
  try {
    await pipeline(
      createReadStream(blob, { highWaterMark: READ_SIZE }),
      digester,
      decompressor ?? new PassThrough(),
      inspector,
      isLinked ? nowhere() : createWriteStream(copy),
      { ...(signal === undefined ? {} : { signal }) },
    );
  } catch (error) {
    signal?.throwIfAborted();
    throw translate(error, name);
  }
  if (!digester.matches())
    throw new TetherError("image-corrupt", `${name} is corrupt: its content does not match its digest`);
  const facts = inspector.facts();
  if (isLinked) await link(blob, copy);
  await rename(copy, blobPath(target, facts.diffId));
  // Of two links to one file rename(2) leaves both: an image may have a layer twice.
  await rm(copy, { force: true });
  return facts;
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

/** Hashes what passes through. */
class Digester extends PassThrough {
  readonly #expected: string | undefined;

  constructor(expected: string | undefined) {
    super({ highWaterMark: READ_SIZE });
    this.#expected = expected;
    const hash = createHash(expected?.split(":")[0] ?? "sha256");
    this.on("data", (chunk: Buffer) => hash.update(chunk));
    this.matches = () => expected === undefined || hash.digest("hex") === this.#expected?.split(":")[1];
  }

  matches: () => boolean;
}

/** Whether a layer's blob is there, and what its descriptor promises at first sight. Throws `image-corrupt`. */
export async function checkDescriptor(
  blob: string,
  { mediaType, size }: Descriptor,
  name: string,
): Promise<void> {
  if (!/^application\/vnd\.(?:oci|docker)\.image\..*tar/.test(mediaType ?? "")) {
    throw new TetherError(
      "image-corrupt",
      `${name} is no file system layer: its media type is ${JSON.stringify(mediaType ?? "")}`,
    );
  }
  const found = await stat(blob).catch(() => undefined);
  if (found === undefined) throw new TetherError("image-corrupt", `${name} is missing`);
  if (!found.isFile()) throw new TetherError("image-corrupt", `${name} is no file`);
  if (found.size !== size)
    throw new TetherError(
      "image-corrupt",
      `${name} is corrupt: it has ${found.size} bytes instead of ${size}`,
    );
}

/** What is copied here is then unpacked beside it: it must fit twice, or a bomb would fill the disk first. */
async function spaceFor(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return (bavail * bsize) / 2;
}

function translate(error: unknown, name: string): unknown {
  if (error instanceof TetherError) return error;
  // A system error is about this machine, not about the layer.
  if (error instanceof Error && "syscall" in error) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new TetherError("image-corrupt", `${name} is corrupt: ${reason.split(". ")[0]}`, { cause: error });
}

function add(total: CheckedLayers, { diffId, entries, ...facts }: LayerFacts): CheckedLayers {
  const { sizeBytes } = facts;
  return {
    layers: [...total.layers, { mediaType: TAR_LAYER, digest: diffId, ...facts }],
    entries: total.entries + entries,
    sizeBytes: total.sizeBytes + sizeBytes,
  };
}
