import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { removeEventIndex } from "./event-index.ts";
import { rotatedNumbers } from "./log-files.ts";
import { indexEvents } from "./recorded-events.ts";

/** How large a container's log may become (Docker's max-size and max-file). */
export interface LogLimit {
  /** Size of one file; 0: without limit. */
  readonly maxBytes: number;
  /** Number of files, the one that is written among them; at least 1. */
  readonly maxFiles: number;
}

/**
 * Makes the hypervisor write to a new file at `path`, when `prepare` says so. One process at a time is let in: what
 * `prepare` finds is as it is until the new file is there.
 *
 * @returns what `prepare` said.
 */
export type SwitchLogFile = (path: string, prepare: () => boolean) => Promise<boolean>;

/** The log of a container that runs. */
export interface RunningLog {
  /** The file that is written. */
  readonly path: string;
  readonly limit: LogLimit;
  readonly switchFile: SwitchLogFile;
  /** Sends the control request LogRotated with the new file's size, and waits for its reply. */
  readonly tellGuest: (writtenBytes: number) => Promise<void>;
}

/** A file is rotated when it has this much of its size: nobody may come by again before it is full. */
const DUE_SHARE = 0.75;

/** Stands beside the log from before a rotation until the guest knows of it: whoever comes by completes it. */
const MARKER_SUFFIX = ".rotating";

/**
 * Begins a new file when the log is (nearly) full: PATH becomes PATH.1 and so on, and the oldest goes. A guest that
 * has stopped logging goes on. To be called by whoever visits a container, any number of processes at once; when
 * there is nothing to do it costs a look at the file.
 *
 * @returns whether the guest was told of a new file.
 * @throws what `switchFile` and `tellGuest` throw; nothing is lost, and the next call goes on where this one failed.
 */
export async function rotateIfNeeded(log: RunningLog): Promise<boolean> {
  const { path, limit, switchFile, tellGuest } = log;
  const marker = path + MARKER_SUFFIX;
  if (!existsSync(marker) && !isDue(path, limit)) return false;
  let hasShifted = false;
  await switchFile(path, () => {
    if (!isDue(path, limit)) return false;
    writeFileSync(marker, "");
    // It is not there when somebody was killed here, behind the renaming.
    hasShifted = existsSync(path);
    indexEvents(path);
    if (hasShifted) shiftLogFiles(path, limit);
    return true;
  }).catch((error: unknown) => {
    // The hypervisor goes on with the file it has.
    if (hasShifted && !existsSync(path)) renameSync(`${path}.1`, path);
    throw error;
  });
  removeSurplus(path, limit);
  if (!existsSync(marker)) return false;
  await tellGuest(statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  rmSync(marker, { force: true });
  return true;
}

/** Rotates the log of a container that does not run. */
export function rotateResting(path: string, limit: LogLimit): void {
  rmSync(path + MARKER_SUFFIX, { force: true });
  if (!existsSync(path) || !isDue(path, limit)) return;
  shiftLogFiles(path, limit);
  removeSurplus(path, limit);
}

/** Removes every file of a log. */
export function removeLog(path: string): void {
  for (const number of rotatedNumbers(path)) rmSync(`${path}.${number}`, { force: true });
  for (const name of [path, path + MARKER_SUFFIX]) rmSync(name, { force: true });
  removeEventIndex(path);
}

function isDue(path: string, { maxBytes }: LogLimit): boolean {
  if (maxBytes === 0) return false;
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  return size === undefined ? existsSync(path + MARKER_SUFFIX) : size >= maxBytes * DUE_SHARE;
}

/** From the oldest on, so that no file is overwritten that is still wanted. */
function shiftLogFiles(path: string, { maxFiles }: LogLimit): void {
  for (const number of rotatedNumbers(path).reverse()) {
    if (number + 1 >= Math.max(2, maxFiles)) rmSync(`${path}.${number}`, { force: true });
    else renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  }
  renameSync(path, `${path}.1`);
}

/** With a single file the old one goes when there is a new one, no sooner. */
function removeSurplus(path: string, { maxFiles }: LogLimit): void {
  const surplus = rotatedNumbers(path).filter((number) => number >= maxFiles);
  // What has been written since the look before the renaming.
  if (surplus.length > 0) indexEvents(path);
  for (const number of surplus) rmSync(`${path}.${number}`, { force: true });
}
