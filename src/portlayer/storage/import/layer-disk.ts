import { lstat, open, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { TetherError } from "../../../protocol/errors/index.ts";
import type { ToolRunner } from "../tool-runner.ts";

/** The label by which the guest finds its disk. */
const LABEL = "containerfs";

const BLOCK_SIZE = 4096;
const GIB = 1024 ** 3;

/** mke2fs's own ratio for ext4: one inode for each 16 KiB. */
const BYTES_PER_INODE = 16 * 1024;

/**
 * Named one by one, so that disks do not depend on the machine's mke2fs.conf. All of them are known to
 * Linux 4.x: newer ones (orphan_file, metadata_csum_seed) would shut out an older guest kernel.
 */
export const EXT4_FEATURES = [
  "none",
  "has_journal",
  "ext_attr",
  "resize_inode",
  "dir_index",
  "filetype",
  "extent",
  "64bit",
  "flex_bg",
  "sparse_super",
  "large_file",
  "huge_file",
  "dir_nlink",
  "extra_isize",
  "metadata_csum",
].join(",");

/** What a disk is made from. */
export interface LayerDiskOptions {
  /** Folder whose content becomes the disk's root. */
  readonly tree: string;
  /** The raw file to make. */
  readonly disk: string;
  /** Upper bounds for what the tree holds. */
  readonly contentBytes: number;
  readonly entries: number;
  /** Smallest size of the disk. */
  readonly diskSizeBytes: number;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes an ext4 disk with the tree's content: owners, modes, times, extended attributes, hard links and
 * device nodes as they are in the tree. Returns its virtual size.
 */
export async function makeLayerDisk(options: LayerDiskOptions): Promise<number> {
  const { tree, disk, run, signal } = options;
  const sizeBytes = diskSizeFor(options);
  await (await open(disk, "wx", 0o600)).close();
  // A file that is already there and one single hole lets mke2fs mark its tables as zeroed: neither it nor
  // the guest's kernel writes 160 MB of zeros (measured: 7 MB on the host's disk instead of 71).
  await truncate(disk, sizeBytes);
  await run(
    "mke2fs",
    [
      "-q",
      "-F",
      "-t",
      "ext4",
      "-O",
      EXT4_FEATURES,
      "-L",
      LABEL,
      "-b",
      String(BLOCK_SIZE),
      "-I",
      "256",
      "-m",
      "0",
      "-N",
      String(sizeBytes / BYTES_PER_INODE),
      "-E",
      "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
      "-d",
      tree,
      disk,
      String(sizeBytes / BLOCK_SIZE),
    ],
    { signal },
  );
  await correctRootFolder(options);
  return sizeBytes;
}

/**
 * Room for the content, its last blocks and metadata, its inodes, and as much again to write into.
 *
 * @returns a size that says all of the disk's geometry: disks of one size have their blocks and inodes in one way.
 */
export function diskSizeFor({
  contentBytes,
  entries,
  diskSizeBytes,
}: Pick<LayerDiskOptions, "contentBytes" | "entries" | "diskSizeBytes">): number {
  const needed = 2 * Math.max(contentBytes + entries * BLOCK_SIZE, entries * BYTES_PER_INODE);
  return Math.ceil(Math.max(needed, diskSizeBytes) / GIB) * GIB;
}

/**
 * mke2fs 1.47.0 copies the root folder's extended attributes but not its owner, mode and time, and makes a
 * `lost+found` that the image does not have (e2fsck makes it again should it ever need it).
 */
async function correctRootFolder({ tree, disk, run, signal }: LayerDiskOptions): Promise<void> {
  const { uid, gid, mode, mtimeMs } = await lstat(tree);
  const hasLostAndFound = await lstat(join(tree, "lost+found")).then(
    () => true,
    () => false,
  );
  const commands = [
    ...(hasLostAndFound ? [] : ["rmdir /lost+found"]),
    `set_inode_field / mode 0${mode.toString(8)}`,
    `set_inode_field / uid ${uid}`,
    `set_inode_field / gid ${gid}`,
    ...["atime", "mtime", "ctime"].map(
      (field) => `set_inode_field / ${field} @${Math.floor(mtimeMs / 1000)}`,
    ),
  ];
  const script = `${disk}.commands`;
  await writeFile(script, `${commands.join("\n")}\n`);
  const { stderr } = await run("debugfs", ["-w", "-f", script, disk], { signal });
  await rm(script);
  // debugfs reports failed commands on standard error only, below its version line.
  const complaint = stderr.split("\n").find((line) => line !== "" && !line.startsWith("debugfs "));
  if (complaint !== undefined)
    throw new TetherError("internal", `cannot complete the disk's root folder: ${complaint}`);
}
