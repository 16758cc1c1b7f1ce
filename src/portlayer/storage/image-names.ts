import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { keepDigest, readDigest } from "./digest-records.ts";
import { digestOfFolder, listImageFolders, readImage } from "./image-folder.ts";
import type { Image } from "./image.ts";

/** An image of the store with the registry names that it has here. */
export interface NamedImage {
  readonly image: Image;
  /** Complete: `docker.io/library/busybox:latest`. */
  readonly names: readonly string[];
}

/** What a complete registry name is recorded under. */
export const registryKey = (name: string): string => `registry ${name}`;
const KEY = /^registry (\S+)$/;

/** Gives an image a registry name, or takes the name from the image that had it. */
export async function nameImage(root: string, name: string, digest: string): Promise<void> {
  await keepDigest(root, registryKey(name), digest);
}

/** @param name complete. @returns undefined when no image of the store has it. */
export async function findNamedImage(root: string, name: string): Promise<Image | undefined> {
  const digest = await readDigest(root, { key: registryKey(name), isSettled: true });
  return digest === undefined ? undefined : readImage(root, digest);
}

/** Every image of the store, by digest. */
export async function listImages(root: string): Promise<NamedImage[]> {
  const names = await readNames(root);
  const found: NamedImage[] = [];
  for (const folder of await listImageFolders(root)) {
    const digest = digestOfFolder(folder);
    const image = await readImage(root, digest);
    if (image !== undefined) found.push({ image, names: (names.get(digest) ?? []).sort() });
  }
  return found;
}

/** By digest. What is in no reference of a registry has no name. */
async function readNames(root: string): Promise<Map<string, string[]>> {
  const folder = join(root, "references");
  const names = new Map<string, string[]>();
  for (const file of await readdir(folder).catch(() => [])) {
    // One that is being replaced this moment is read in its old form or its new one.
    const text = await readFile(join(folder, file), "utf8").catch(() => "");
    const [key = "", digest = ""] = text.split("\n");
    const name = /^[0-9a-f]{64}$/.test(file) ? KEY.exec(key)?.[1] : undefined;
    if (name !== undefined) names.set(digest, [...(names.get(digest) ?? []), name]);
  }
  return names;
}
