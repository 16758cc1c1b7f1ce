import { execFileSync } from "node:child_process";
import { constants, readSync, utimesSync } from "node:fs";
import { itself, renameAt, statusOf } from "../../protocol/archive/directory.ts";
import { type ByteString, type FileCalls, toText } from "../../protocol/archive/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";

/** Holes are told in pages. */
const PAGE_BYTES = 4096;
const READ_BYTES = 1024 * 1024;

/**
 * {@link FileCalls} of a host without an addon: times to the microsecond, no extended attributes, holes by reading,
 * and no devices, since an archive comes from a guest, and a node for this machine's disk is no file.
 */
export const hostFileCalls: FileCalls = {
  listAttributes: () => [],
  getAttribute: () => new Uint8Array(),
  setAttribute: () => {},
  setModified: (descriptor, modifiedNs) => {
    const accessed = Number(statusOf(descriptor).atimeNs) / 1e9;
    utimesSync(itself(descriptor), accessed, Number(modifiedNs) / 1e9);
  },
  makeNode: (directory, name, mode) => {
    if ((mode & constants.S_IFMT) !== constants.S_IFIFO)
      throw new TetherError(
        "copy-impossible",
        `${toText(name)} is a device, which is not copied out of a container`,
      );
    makeFifo(directory, name);
  },
  seekData: (descriptor, offset) => scan(descriptor, offset, (isZero) => !isZero),
  seekHole: (descriptor, offset) => scan(descriptor, offset, (isZero) => isZero),
};

/**
 * Node has no mkfifo(3), and passes no arguments that are not UTF-8: the FIFO is made under a name of ours. The path
 * is this process's in /proc, and so no option of the program's.
 */
function makeFifo(directory: number, name: ByteString): void {
  const passing = `.vch-fifo-${process.pid}`;
  try {
    const path = `/proc/${process.pid}/fd/${directory}/${passing}`;
    execFileSync("mkfifo", ["--mode=600", path], { stdio: "pipe" });
  } catch (error) {
    throw TetherError.from(error, "copy-impossible", "making a FIFO");
  }
  renameAt(directory, passing, directory, name);
}

/** The first page from `offset` on that is as wanted. */
function scan(descriptor: number, offset: number, wants: (isZero: boolean) => boolean): number | undefined {
  const buffer = Buffer.alloc(READ_BYTES);
  for (let position = offset; ; ) {
    const count = readSync(descriptor, buffer, 0, READ_BYTES, position);
    if (count === 0) return undefined;
    for (let start = 0; start < count; ) {
      // Up to the page's end in the file, so that stretches come out in whole pages.
      const end = Math.min(count, start + PAGE_BYTES - ((position + start) % PAGE_BYTES));
      if (wants(isZeros(buffer.subarray(start, end)))) return position + start;
      start = end;
    }
    position += count;
  }
}

const ZEROS = Buffer.alloc(PAGE_BYTES);

function isZeros(piece: Buffer): boolean {
  return piece.equals(ZEROS.subarray(0, piece.length));
}
