import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { System } from "./system.ts";
import { hasCode } from "../protocol/errors/index.ts";

/** Docker's own limit for /etc/passwd and the like is the scanner's; a megabyte holds 20,000 users. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Reads a text file of the container, never leaving its root: the image is hostile, and its /etc/passwd may
 * be a symbolic link to anywhere, a FIFO or endless.
 *
 * @param root descriptor of the container's root directory.
 * @returns undefined when there is no such regular file.
 */
export function readContainerFile(system: System, root: number, path: string): string | undefined {
  const descriptor = openRegularFile(system, root, path);
  if (descriptor === undefined) return undefined;
  try {
    return readToEnd(descriptor).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** A mebibyte at a time would be 256 page faults for a file of one line. */
const FIRST_READ_BYTES = 4096;

/** At most {@link MAX_FILE_BYTES}; a file's size is not asked, as one of procfs has none. */
function readToEnd(descriptor: number): Buffer {
  let content = Buffer.allocUnsafe(FIRST_READ_BYTES);
  let length = 0;
  while (length < MAX_FILE_BYTES) {
    if (length === content.length) content = Buffer.concat([content], Math.min(2 * length, MAX_FILE_BYTES));
    const count = readSync(descriptor, content, length, content.length - length, null);
    if (count === 0) break;
    length += count;
  }
  return content.subarray(0, length);
}

/** open(2), O_PATH: names a file without opening it; a device is opened by being looked at otherwise. */
const O_PATH = 0o10000000;

function openRegularFile(system: System, root: number, path: string): number | undefined {
  let named: number;
  try {
    named = system.openInRoot(root, path, O_PATH, 0);
  } catch (error) {
    if (hasCode(error, ...ABSENCE)) return undefined;
    throw error;
  }
  try {
    return fstatSync(named).isFile() ? openSync(`/proc/self/fd/${named}`, constants.O_RDONLY) : undefined;
  } finally {
    closeSync(named);
  }
}

const ABSENCE = ["ENOENT", "ENOTDIR", "ELOOP", "EXDEV", "ENXIO"] as const;
