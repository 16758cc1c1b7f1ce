import { TetherError } from "../errors/index.ts";
import type { EntryKind } from "./tar-entry.ts";

/** Everything in a tar archive comes in blocks of 512 bytes (POSIX.1-2017, pax, "ustar Interchange Format"). */
export const BLOCK_BYTES = 512;

/** Where a header's fields lie: offset and length. */
export const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkname: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

/** The type flags that both directions use. */
export const TYPE_FLAGS: Readonly<Record<EntryKind, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

export const PAX_HEADER = "x";

/** Zeros after a content of this length, up to the next block. */
export function paddingAfter(length: number): number {
  return (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** The sum of a header's bytes with the checksum itself taken as spaces. */
export function checksumOf(header: Buffer): number {
  const [start, length] = FIELDS.checksum;
  let sum = length * 0x20;
  for (const [index, byte] of header.entries()) if (index < start || index >= start + length) sum += byte;
  return sum;
}

/** An archive that breaks the format. */
export function badArchive(problem: string): TetherError {
  return new TetherError("archive-invalid", `the archive is damaged or no tar archive: ${problem}`);
}
