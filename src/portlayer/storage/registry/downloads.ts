import { linkSync, mkdirSync } from "node:fs";
import { link, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { hasCode } from "../../../protocol/errors/index.ts";

/** The folder of the store in which they are, each called by its digest. */
const FOLDER = "downloads";

/** Enough for the layers of any image; what is more is given up, the oldest first. */
const MOST_BYTES = 10 * 1024 ** 3;

/** Whoever has not asked for an image again after a week does not wait for it. */
const LONGEST_MS = 7 * 24 * 60 * 60 * 1000;

/** How much may be kept, and for how long. */
export interface DownloadBounds {
  readonly mostBytes: number;
  readonly longestMs: number;
  /** In milliseconds since 1970. */
  readonly now: number;
}

/**
 * Keeps a layer that has come whole, of a pull that may not come to its end, if it can. It is a hard link: however many
 * have the layer it is on the disk once, and taking it away takes it from nobody else.
 */
export function keepDownload(root: string, digest: string, blob: string): void {
  const kept = pathOf(root, digest);
  try {
    mkdirSync(dirname(kept), { recursive: true, mode: 0o700 });
    linkSync(blob, kept);
  } catch {
    // Kept already; or the store cannot be written, which the import says. What is not kept is fetched again.
  }
}

/** Puts a layer that was kept where it is wanted. @returns whether there was one. */
export async function takeDownload(root: string, digest: string, target: string): Promise<boolean> {
  try {
    await link(pathOf(root, digest), target);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

/** Lets layers go: an image has them now, or they are of no use. */
export async function forgetDownloads(root: string, digests: Iterable<string>): Promise<void> {
  for (const digest of digests) await rm(pathOf(root, digest), { force: true });
}

/** Lets everything go that came before a time. @returns how many bytes that was. */
export function clearDownloads(root: string, beforeMs: number): Promise<number> {
  return trimDownloads(root, { mostBytes: Infinity, longestMs: 0, now: beforeMs });
}

/** Lets go what is too old, and the oldest of what is too much. @returns how many bytes that was. */
export async function trimDownloads(
  root: string,
  { mostBytes = MOST_BYTES, longestMs = LONGEST_MS, now = Date.now() }: Partial<DownloadBounds> = {},
): Promise<number> {
  let [keptBytes, freedBytes] = [0, 0];
  for (const { path, sizeBytes, time } of await listNewestFirst(root)) {
    if (now - time <= longestMs && keptBytes + sizeBytes <= mostBytes) {
      keptBytes += sizeBytes;
      continue;
    }
    await rm(path, { force: true });
    freedBytes += sizeBytes;
  }
  return freedBytes;
}

interface Kept {
  readonly path: string;
  readonly sizeBytes: number;
  /** When it came. */
  readonly time: number;
}

async function listNewestFirst(root: string): Promise<Kept[]> {
  const folder = join(root, FOLDER);
  // No folder: no pull was ever cut off here.
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  const all: Kept[] = [];
  for (const name of names) {
    const path = join(folder, name);
    // Another pull may have taken it this moment.
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined) all.push({ path, sizeBytes: found.size, time: found.mtimeMs });
  }
  return all.toSorted((a, b) => b.time - a.time);
}

function pathOf(root: string, digest: string): string {
  return join(root, FOLDER, digest.replace(":", "-"));
}
