import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { z } from "zod";
import { ApiError } from "../http/api-error.ts";

const manifestSchema = z.array(z.object({ RepoTags: z.array(z.string()).nullish() }));

/** A manifest of a thousand images has less. */
const MOST_BYTES = 4 * 1024 * 1024;

const GZIP = [0x1f, 0x8b];

/**
 * The names of the images in an archive as `docker save` writes it: that of `manifest.json`.
 *
 * @returns undefined for its one image when that has no name.
 * @throws ApiError 400 for what is no such archive.
 */
export async function readArchiveNames(file: string): Promise<(string | undefined)[]> {
  let text: string | undefined;
  try {
    text = await readManifest(file);
  } catch (error) {
    throw new ApiError(400, `the archive cannot be read: ${error instanceof Error ? error.message : ""}`);
  }
  const parsed = manifestSchema.safeParse(text === undefined ? undefined : JSON.parse(text));
  if (!parsed.success) throw new ApiError(400, "the archive is none of docker save: it has no manifest.json");
  const names = parsed.data.flatMap(({ RepoTags: tags }) => tags ?? []);
  if (names.length > 0) return names;
  if (parsed.data.length > 1)
    throw new ApiError(
      501,
      "an archive with several images without names is not supported by this endpoint yet",
    );
  return [undefined];
}

async function readManifest(file: string): Promise<string | undefined> {
  const archive = extract();
  const source = createReadStream(file);
  const isCompressed = await beginsWith(file, GZIP);
  const copied = isCompressed ? pipeline(source, createGunzip(), archive) : pipeline(source, archive);
  let text: string | undefined;
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

async function beginsWith(file: string, bytes: readonly number[]): Promise<boolean> {
  for await (const chunk of createReadStream(file, { end: bytes.length - 1 }) as AsyncIterable<Buffer>)
    return bytes.every((byte, index) => chunk[index] === byte);
  return false;
}
