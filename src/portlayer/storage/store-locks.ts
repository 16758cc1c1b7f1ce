import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { ProcessLock } from "./process-lock.ts";

/** Nobody else, in whichever process, makes an image's disk: images that come together find each other's snapshots. */
export function lockDisks(root: string, signal: AbortSignal | undefined): Promise<ProcessLock> {
  return lock(root, "disks", signal);
}

/**
 * Nobody else, in whichever process, fetches this image. Some others wait for it, too: locks are kept for good, and there are
 * 256 of these at most.
 *
 * @param digest the image's.
 */
export function lockFetch(
  root: string,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<ProcessLock> {
  const [, hex = ""] = digest.split(":");
  return lock(root, `fetch-${hex.slice(0, 2)}`, signal);
}

/** Beside the store: a folder of locks is no part of what is there or not. */
async function lock(root: string, name: string, signal: AbortSignal | undefined): Promise<ProcessLock> {
  const folder = `${root}-lock`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return ProcessLock.acquire(join(folder, name), signal);
}
