import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { System } from "../system/system.ts";

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
    const content = Buffer.alloc(MAX_FILE_BYTES);
    let length = 0;
    while (length < content.length) {
      const count = readSync(descriptor, content, length, content.length - length, null);
      if (count === 0) break;
      length += count;
    }
    return content.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** open(2), O_PATH: names a file without opening it; a device is opened by being looked at otherwise. */
const O_PATH = 0o10000000;

function openRegularFile(system: System, root: number, path: string): number | undefined {
  let named: number;
  try {
    named = system.openInRoot(root, path, O_PATH, 0);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  try {
    return fstatSync(named).isFile() ? openSync(`/proc/self/fd/${named}`, constants.O_RDONLY) : undefined;
  } finally {
    closeSync(named);
  }
}

const ABSENCE = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EXDEV", "ENXIO"]);

function isAbsence(error: unknown): boolean {
  return error instanceof Error && "code" in error && ABSENCE.has(String(error.code));
}
