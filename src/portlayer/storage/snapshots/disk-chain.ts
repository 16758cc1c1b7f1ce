import { closeSync, openSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { hasCode } from "../../../protocol/errors/index.ts";
import { HEADER_READ_BYTES, parseHeader, type Qcow2Header } from "./qcow2-header.ts";

/** What stat(2) counts in. */
const BLOCK_BYTES = 512;

/** More than QEMU opens for one disk: who says so leads in a circle. */
const LONGEST_CHAIN = 256;

/** What a disk's file is. */
export type DiskFormat = "raw" | "qcow2";

/** The format of a disk of ours, by how its file begins: none of them holds what a guest has written. */
export function diskFormatOf(file: string): DiskFormat {
  return readHeader(file) === undefined ? "raw" : "qcow2";
}

/** The virtual size of a disk; 0 when it is not there. */
export function diskSizeOf(file: string): number {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return size === 0 ? 0 : (readHeader(file)?.sizeBytes ?? size);
}

/** The files that a disk consists of: itself, and what it stands on, the lowest last. None when it is not there. */
export function disksBelow(file: string): string[] {
  const chain: string[] = [];
  let next: string | undefined = file;
  while (next !== undefined && chain.length < LONGEST_CHAIN) {
    if (statSync(next, { throwIfNoEntry: false }) === undefined) break;
    chain.push(next);
    const backing: string | undefined = readHeader(next)?.backing;
    next = backing === undefined ? undefined : resolve(dirname(next), backing);
  }
  return chain;
}

/** The files that an image's disk consists of, with what each is; they are written by nobody but us, and say what is true. */
export function diskLayers(image: string): { readonly file: string; readonly format: DiskFormat }[] {
  return disksBelow(image).map((file) => ({ file, format: diskFormatOf(file) }));
}

/** What a disk takes of this machine's, with all that it stands on; 0 when it is not there. */
export function takenBytes(file: string): number {
  return disksBelow(file).reduce((sum, each) => sum + ownBytes(each), 0);
}

/** What the file alone takes; 0 when it is not there. */
export function ownBytes(file: string): number {
  return (statSync(file, { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES;
}

function readHeader(file: string): Qcow2Header | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    // Whoever uses it next says what is missing.
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  try {
    const start = Buffer.alloc(HEADER_READ_BYTES);
    return parseHeader(start.subarray(0, readSync(descriptor, start, 0, start.length, 0)));
  } finally {
    closeSync(descriptor);
  }
}
