import { type DiskBytes, openDisk } from "../snapshots/index.ts";

/** Numbers of the superblock and of inodes, by byte offset (kernel.org, "ext4 Data Structures and Algorithms"). */
const SUPERBLOCK = { at: 1024, bytes: 1024 } as const;
const MAGIC = 0xef53;

/** Where the inodes of a group begin: low and high half in its descriptor. */
const INODE_TABLE = { low: 8, high: 40 } as const;

/** Features without which blocks are found another way: they are ours (import/layer-disk.ts) and those before them. */
const NEEDED_EXTENTS = 0x40;
const META_BLOCK_GROUPS = 0x10;
const INLINE_DATA = 0x8000;
const ENCRYPTED = 0x10000;

/** Blocks that are kept: those of the inodes and folders that are read right now. */
const MOST_BLOCKS = 256;

interface Geometry {
  readonly blockBytes: number;
  readonly inodeBytes: number;
  readonly inodesPerGroup: number;
  readonly descriptorBytes: number;
  /** Block of the first group descriptor. */
  readonly descriptors: number;
  readonly inodes: number;
}

/** The blocks and inodes of an ext4 disk that nobody writes to. */
export class DiskReader implements AsyncDisposable {
  readonly #file: DiskBytes;
  readonly #geometry: Geometry;
  readonly #blocks = new Map<number, Buffer>();

  private constructor(file: DiskBytes, geometry: Geometry) {
    this.#file = file;
    this.#geometry = geometry;
  }

  /** @throws Error for what is no such disk. */
  static async open(path: string): Promise<DiskReader> {
    const file = await openDisk(path);
    try {
      const superblock = await file.read(SUPERBLOCK.at, SUPERBLOCK.bytes);
      return new DiskReader(file, readGeometry(superblock));
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  get blockBytes(): number {
    return this.#geometry.blockBytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  async block(number: number): Promise<Buffer> {
    const known = this.#blocks.get(number);
    if (known !== undefined) return known;
    const { blockBytes } = this.#geometry;
    const block = await this.#file.read(number * blockBytes, blockBytes);
    this.#blocks.set(number, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > MOST_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  /** The bytes of an inode. @throws Error for a number that the disk does not have. */
  async inode(number: number): Promise<Buffer> {
    const { inodes, inodesPerGroup, inodeBytes, descriptorBytes, descriptors } = this.#geometry;
    if (number < 1 || number > inodes) throw new Error(`the disk has no inode ${number}`);
    const group = Math.floor((number - 1) / inodesPerGroup);
    const descriptor = await this.#record(descriptors, group, descriptorBytes);
    const high = descriptorBytes > INODE_TABLE.high ? descriptor.readUInt32LE(INODE_TABLE.high) : 0;
    const table = descriptor.readUInt32LE(INODE_TABLE.low) + high * 2 ** 32;
    return this.#record(table, (number - 1) % inodesPerGroup, inodeBytes);
  }

  /** One of the records of the same size that begin with a block. None lies across two blocks. */
  async #record(first: number, index: number, bytes: number): Promise<Buffer> {
    const { blockBytes } = this.#geometry;
    const block = await this.block(first + Math.floor((index * bytes) / blockBytes));
    const offset = (index * bytes) % blockBytes;
    return block.subarray(offset, offset + bytes);
  }
}

function readGeometry(superblock: Buffer): Geometry {
  const number = (offset: number): number => superblock.readUInt32LE(offset);
  if (superblock.readUInt16LE(56) !== MAGIC) throw new Error("the disk has no ext4");
  const features = number(96);
  const isKnown =
    (features & NEEDED_EXTENTS) !== 0 && (features & (META_BLOCK_GROUPS | INLINE_DATA | ENCRYPTED)) === 0;
  if (!isKnown) throw new Error(`the disk's features (${features.toString(16)}) are not known here`);
  return {
    blockBytes: 1024 * 2 ** number(24),
    inodeBytes: superblock.readUInt16LE(88),
    inodesPerGroup: number(40),
    descriptorBytes: Math.max(32, superblock.readUInt16LE(254)),
    descriptors: number(20) + 1,
    inodes: number(0),
  };
}
