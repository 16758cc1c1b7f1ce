import { readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { blobPath } from "../../../src/portlayer/storage/layout-writer.ts";

interface Manifest {
  config: { digest: string };
  layers: { digest: string; mediaType: string }[];
}

/** Ways in which an OCI layout with one image can be broken. Each changes the layout in place. */
export const BREAKAGES: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "a bit of a layer is flipped": async (folder) => flipBit(blobPath(folder, await firstLayer(folder))),
  "a layer is cut short": async (folder) => cutShort(blobPath(folder, await firstLayer(folder))),
  "a layer is missing": async (folder) => rm(blobPath(folder, await firstLayer(folder))),
  "a bit of the configuration is flipped": async (folder) =>
    flipBit(blobPath(folder, (await readManifest(folder)).config.digest)),
  "the configuration is missing": async (folder) =>
    rm(blobPath(folder, (await readManifest(folder)).config.digest)),
  "the manifest is missing": async (folder) => rm(blobPath(folder, await manifestDigest(folder))),
  "a bit of the manifest is flipped": async (folder) =>
    flipBit(blobPath(folder, await manifestDigest(folder))),
  "index.json is no JSON": (folder) => writeFile(join(folder, "index.json"), "{ manifests: <garbage>\n\n"),
  "index.json holds something else": (folder) =>
    writeFile(join(folder, "index.json"), '{"manifests":[{"digest":"../../etc/passwd","size":1}]}'),
};

/** Flips a bit in the middle of a file. */
export async function flipBit(file: string): Promise<void> {
  const bytes = await readFile(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

/** Keeps the first half of a file. */
export async function cutShort(file: string): Promise<void> {
  await truncate(file, (await stat(file)).size >> 1);
}

async function manifestDigest(folder: string): Promise<string> {
  const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8")) as {
    manifests: { digest: string }[];
  };
  return index.manifests[0]?.digest ?? "";
}

async function readManifest(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(blobPath(folder, await manifestDigest(folder)), "utf8")) as Manifest;
}

async function firstLayer(folder: string): Promise<string> {
  return (await readManifest(folder)).layers[0]?.digest ?? "";
}
