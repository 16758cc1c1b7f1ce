import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import { removeDigest } from "./digest-records.ts";
import { registryKey } from "./image-names.ts";
import { hideImage, imageFolder, listHiddenImages } from "./image-folder.ts";
import { WorkFolder } from "./work-folder.ts";

/** Whether a container stands on the disk of the image with this digest. */
export type InUse = (digest: string) => boolean;

/** Takes a registry name from whichever image has it. */
export function untagImage(root: string, name: string): Promise<void> {
  return removeDigest(root, registryKey(name));
}

/**
 * Removes an image with all its names. While a container stands on its disk only the folder stays, out of sight, for
 * {@link sweepImages}. Whoever is killed in the middle leaves the image without names, or out of sight, never half.
 */
export async function removeImage(root: string, digest: string, isInUse: InUse): Promise<void> {
  await forgetReferences(root, digest);
  await hideImage(root, digest);
  // Asked when nobody can make another container of it.
  if (!isInUse(digest)) await discard(root, digest);
}

/** Removes what is out of sight and no container needs any more. */
export async function sweepImages(root: string, isInUse: InUse): Promise<void> {
  for (const digest of await listHiddenImages(root)) if (!isInUse(digest)) await discard(root, digest);
}

/** Gone in one step; what takes its time happens in a folder that is cleared after a killed process, too. */
async function discard(root: string, digest: string): Promise<void> {
  await using work = await WorkFolder.create(root);
  try {
    await rename(imageFolder(root, digest), work.join("removed"));
  } catch (error) {
    // Somebody else was faster.
    if (!hasCode(error, "ENOENT"))
      throw TetherError.from(error, "state-not-writable", `cannot remove image ${digest}`);
  }
}

async function forgetReferences(root: string, digest: string): Promise<void> {
  const folder = join(root, "references");
  // No folder: nothing has a name.
  for (const file of await readdir(folder).catch(() => [])) {
    const path = join(folder, file);
    // One that is being replaced this moment is another's.
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.split("\n")[1] === digest) await rm(path, { force: true });
  }
}
