import { createReadStream } from "node:fs";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";

import { extract } from "tar-stream";
import { z } from "zod";

import { TetherError } from "../../protocol/errors/index.ts";
import { decompressorFor } from "./import/decompression.ts";

const manifestSchema = z.array(z.object({ RepoTags: z.array(z.string()).nullish() }));

/** One image of an archive. */
export interface ArchivedImage {
  /** Its place in the archive, from 0 on. */
  readonly index: number;
  /** As the archive names it; may be empty. */
  readonly tags: readonly string[];
}

/** A manifest of a thousand images has less. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * The images in an archive as `docker save` writes it, plain or compressed: those of `manifest.json`.
 *
 * @throws TetherError `archive-invalid` for what is no such archive.
 */
export async function listArchivedImages(file: string): Promise<ArchivedImage[]> {
  try {
    const text = await readManifest(file);
    if (text === undefined) throw new Error("it has no manifest.json");
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    if (!parsed.success) throw new Error("its manifest.json is no list of images");
    return parsed.data.map(({ RepoTags: tags }, index) => ({ index, tags: tags ?? [] }));
  } catch (error) {
    throw TetherError.from(error, "archive-invalid", "this is no archive of docker save");
  }
}

async function readManifest(file: string): Promise<string | undefined> {
  const archive = extract();
  const decompressor = (await decompressorFor(file)) ?? new PassThrough();
  const copied = pipeline(createReadStream(file), decompressor, archive);
  let text: string | undefined;
  // Reading fails of the same; it is told once.
  copied.catch(() => undefined);
  for await (const entry of archive) {
    if (entry.header.name === "manifest.json" && text === undefined) text = await readText(entry);
    else entry.resume();
  }
  await copied;
  return text;
}

async function readText(entry: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of entry as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error("its manifest.json is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
