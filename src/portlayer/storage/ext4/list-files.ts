import { type ByteString, fromBytes } from "../../../protocol/archive/index.ts";
import {
  isDirectoryMode,
  isFileMode,
  isLinkMode,
  type ListedFile,
} from "../../../protocol/archive-commands.ts";
import { DiskReader } from "./disk-reader.ts";

const ROOT_INODE = 2;

/** Where an inode has its tree of extents. */
const EXTENTS = { at: 40, bytes: 60, magic: 0xf30a, recordBytes: 12, headBytes: 12 } as const;

/** An extent whose blocks have never been written is longer by this. */
const UNWRITTEN = 32_768;

/** mke2fs's deepest tree of extents (EXT4_MAX_EXTENT_DEPTH). */
const DEEPEST_EXTENTS = 5;

const S_IFBLK = 0o060000;
const S_IFCHR = 0o020000;
const S_IFMT = 0o170000;

/**
 * All files of an ext4 disk that nobody writes to, as a guest lists them (`archive-list`). It is an image's
 * disk, made by mke2fs and debugfs: nothing of a guest's is read here.
 *
 * @throws Error for what is no such disk.
 */
export async function* listDiskFiles(path: string): AsyncGenerator<ListedFile> {
  await using disk = await DiskReader.open(path);
  const folders = [{ inode: ROOT_INODE, path: "" }];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { inode, name } of await readFolder(disk, folder.inode)) {
      const file = describe(`${folder.path}/${name}`, await disk.inode(inode));
      yield file;
      if (isDirectoryMode(file[1])) folders.push({ inode, path: file[0] });
    }
  }
}

function describe(path: ByteString, inode: Buffer): ListedFile {
  const mode = inode.readUInt16LE(0);
  const size = inode.readUInt32LE(4) + inode.readUInt32LE(108) * 2 ** 32;
  return [
    path,
    mode,
    inode.readUInt16LE(2) + inode.readUInt16LE(120) * 2 ** 16,
    inode.readUInt16LE(24) + inode.readUInt16LE(122) * 2 ** 16,
    isFileMode(mode) || isLinkMode(mode) ? size : 0,
    String(modifiedNs(inode)),
    isDevice(mode) ? deviceOf(inode) : 0,
  ];
}

/** Two bits of the seconds and all nanoseconds are in the inode's second half (fs/ext4/ext4.h, "i_mtime_extra"). */
function modifiedNs(inode: Buffer): bigint {
  const hasMore = inode.length > 128 && inode.readUInt16LE(128) >= 12;
  const more = hasMore ? inode.readUInt32LE(136) : 0;
  const seconds = BigInt(inode.readInt32LE(16)) + (BigInt(more & 3) << 32n);
  return seconds * 1_000_000_000n + BigInt(more >>> 2);
}

function isDevice(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFBLK || type === S_IFCHR;
}

/** As st_rdev has it: the old form has eight bits each, the new one is Linux's own. */
function deviceOf(inode: Buffer): number {
  const old = inode.readUInt32LE(EXTENTS.at);
  return old === 0 ? inode.readUInt32LE(EXTENTS.at + 4) : old & 0xffff;
}

/** What is in a folder, itself and the one above left out. A folder with an index is a list as well. */
async function readFolder(
  disk: DiskReader,
  number: number,
): Promise<{ readonly inode: number; readonly name: ByteString }[]> {
  const entries: { inode: number; name: ByteString }[] = [];
  const inode = await disk.inode(number);
  for await (const block of blocksOf(disk, inode.subarray(EXTENTS.at, EXTENTS.at + EXTENTS.bytes), 0))
    for (let at = 0; at + 8 <= block.length; ) {
      const length = block.readUInt16LE(at + 4);
      // Of a block of 64 KiB it would not fit; ours have four.
      if (length < 8 || at + length > block.length)
        throw new Error(`folder ${number} of the disk is damaged`);
      const name = fromBytes(block.subarray(at + 8, at + 8 + block.readUInt8(at + 6)));
      const child = block.readUInt32LE(at);
      if (child !== 0 && name !== "." && name !== "..") entries.push({ inode: child, name });
      at += length;
    }
  return entries;
}

/** The written blocks of a tree of extents, in order. */
async function* blocksOf(disk: DiskReader, node: Buffer, level: number): AsyncGenerator<Buffer> {
  if (node.readUInt16LE(0) !== EXTENTS.magic || level > DEEPEST_EXTENTS)
    throw new Error("a tree of extents on the disk is damaged");
  const [count, depth] = [node.readUInt16LE(2), node.readUInt16LE(6)];
  for (let index = 0; index < count; index += 1) {
    const record = node.subarray(EXTENTS.headBytes + index * EXTENTS.recordBytes);
    if (depth > 0) {
      const child = record.readUInt32LE(4) + record.readUInt16LE(8) * 2 ** 32;
      yield* blocksOf(disk, await disk.block(child), level + 1);
      continue;
    }
    const length = record.readUInt16LE(4);
    if (length > UNWRITTEN) continue;
    const start = record.readUInt32LE(8) + record.readUInt16LE(6) * 2 ** 32;
    for (let block = 0; block < length; block += 1) yield await disk.block(start + block);
  }
}
