import { closeSync, openSync, readSync } from "node:fs";
import type { FileSystem } from "./volumes/configuration.ts";

/** What a disk says of itself in its first bytes. */
export interface Superblock {
  readonly fileSystem: FileSystem;
  readonly label: string;
  /** `8-4-4-4-12`, lower case. */
  readonly uuid: string;
}

/**
 * ext2/3/4 at byte 1024 (kernel: Documentation/filesystems/ext4, "The Super Block"); xfs at the disk's beginning, in
 * big-endian order (kernel: fs/xfs/libxfs/xfs_format.h, struct xfs_dsb).
 */
const EXT = {
  offset: 1024,
  magic: 0xef53,
  magicAt: 0x38,
  uuidAt: 0x68,
  labelAt: 0x78,
  labelBytes: 16,
} as const;
const XFS = { magic: 0x58465342, uuidAt: 32, labelAt: 108, labelBytes: 12 } as const;
const UUID_BYTES = 16;
const READ_BYTES = EXT.offset + 256;

/**
 * Reads what file system a disk or an image file holds.
 *
 * @returns undefined for anything else.
 * @throws the system's error when it cannot be read.
 */
export function readSuperblock(path: string): Superblock | undefined {
  const bytes = readBeginning(path, READ_BYTES);
  if (bytes.length < READ_BYTES) return undefined;
  if (bytes.readUInt32BE(0) === XFS.magic)
    return describe("xfs", bytes, XFS.labelAt, XFS.labelBytes, XFS.uuidAt);
  const ext = bytes.subarray(EXT.offset);
  return ext.readUInt16LE(EXT.magicAt) === EXT.magic
    ? describe("ext4", ext, EXT.labelAt, EXT.labelBytes, EXT.uuidAt)
    : undefined;
}

function readBeginning(path: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const descriptor = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, length, 0));
  } finally {
    closeSync(descriptor);
  }
}

function describe(
  fileSystem: FileSystem,
  bytes: Buffer,
  labelAt: number,
  labelBytes: number,
  uuidAt: number,
): Superblock {
  const label = bytes.subarray(labelAt, labelAt + labelBytes);
  const end = label.indexOf(0);
  const digits = bytes.toString("hex", uuidAt, uuidAt + UUID_BYTES);
  return {
    fileSystem,
    label: label.toString("utf8", 0, end < 0 ? labelBytes : end),
    uuid: digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
  };
}
