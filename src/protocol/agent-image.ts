import { closeSync, openSync, readSync } from "node:fs";

/**
 * File system UUID of the agent image. Stage 0 looks for it on every block device, so it never changes; its last
 * group spells "tether".
 */
export const AGENT_IMAGE_UUID = "7e7be200-0000-4000-8000-746574686572";

/** struct erofs_super_block, fs/erofs/erofs_fs.h of Linux 6.1. */
const SUPERBLOCK_OFFSET = 1024;
const MAGIC = 0xe0f5e1e2;
const UUID_OFFSET = 48;
const UUID_BYTES = 16;

/**
 * Whether a file or device holds an agent image, as stage 0 decides it.
 *
 * @throws Error of the system when it cannot be read.
 */
export function isAgentImage(path: string): boolean {
  const superblock = Buffer.alloc(UUID_OFFSET + UUID_BYTES);
  const file = openSync(path, "r");
  try {
    if (readSync(file, superblock, 0, superblock.length, SUPERBLOCK_OFFSET) < superblock.length) return false;
  } finally {
    closeSync(file);
  }
  return (
    superblock.readUInt32LE(0) === MAGIC &&
    superblock.subarray(UUID_OFFSET).toString("hex") === AGENT_IMAGE_UUID.replaceAll("-", "")
  );
}
