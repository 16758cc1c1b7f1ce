/** Numbers of qcow2, version 3 (QEMU, docs/interop/qcow2.txt). All of them are big-endian. */
export const QCOW2 = {
  magic: 0x514649fb,
  version: 3,
  headerBytes: 104,
  /** QEMU's default: of a cluster, and of every table in the file. */
  clusterBits: 16,
  clusterBytes: 65_536,
  /** Of an entry of the first or second table: where its cluster is, and that nobody else has it. */
  offsetMask: 0x00ff_ffff_ffff_fe00n,
  copied: 1n << 63n,
  compressed: 1n << 62n,
  /** Of an entry of the second table: reads as zeros, whatever is below. */
  zeros: 1n,
} as const;

/** What a qcow2 file says of itself. */
export interface Qcow2Header {
  /** The disk's virtual size. */
  readonly sizeBytes: number;
  /** What it stands on, as the file says it: relative to its own folder, or absolute. */
  readonly backing: string | undefined;
  readonly clusterBits: number;
  /** Where the first table is, and how many entries it has. */
  readonly tableOffset: number;
  readonly tableEntries: number;
  /** Of features without which its content cannot be told. */
  readonly incompatible: bigint;
}

/** The longest name of what is below (qcow2.txt). */
const LONGEST_BACKING = 1023;

/** So much of a file's beginning has its header, and the name of what is below. */
export const HEADER_READ_BYTES = 4096;

/** @param start the beginning of a file. @returns undefined for what is no qcow2. @throws Error for one that is damaged. */
export function parseHeader(start: Buffer): Qcow2Header | undefined {
  if (start.length < QCOW2.headerBytes || start.readUInt32BE(0) !== QCOW2.magic) return undefined;
  const offset = Number(start.readBigUInt64BE(8));
  const length = start.readUInt32BE(16);
  if (length > LONGEST_BACKING || offset + length > start.length)
    throw new Error("the name of what the disk stands on is damaged");
  return {
    sizeBytes: Number(start.readBigUInt64BE(24)),
    backing: offset === 0 ? undefined : start.toString("utf8", offset, offset + length),
    clusterBits: start.readUInt32BE(20),
    tableOffset: Number(start.readBigUInt64BE(40)),
    tableEntries: start.readUInt32BE(36),
    incompatible: start.readUInt32BE(4) < QCOW2.version ? 0n : start.readBigUInt64BE(72),
  };
}

/** What a header that {@link encodeHeader} makes has to know. */
export interface NewHeader {
  readonly sizeBytes: number;
  /** A file of the same folder, a qcow2 as well. */
  readonly backing: string | undefined;
  readonly tableOffset: number;
  readonly tableEntries: number;
  readonly referencesOffset: number;
  readonly referencesClusters: number;
}

/** The type of the extension that names the format of what is below, so that nobody guesses it. */
const BACKING_FORMAT = 0xe2792aca;

/** The first cluster of a file. */
export function encodeHeader(header: NewHeader): Buffer {
  const cluster = Buffer.alloc(QCOW2.clusterBytes);
  cluster.writeUInt32BE(QCOW2.magic, 0);
  cluster.writeUInt32BE(QCOW2.version, 4);
  cluster.writeUInt32BE(QCOW2.clusterBits, 20);
  cluster.writeBigUInt64BE(BigInt(header.sizeBytes), 24);
  cluster.writeUInt32BE(header.tableEntries, 36);
  cluster.writeBigUInt64BE(BigInt(header.tableOffset), 40);
  cluster.writeBigUInt64BE(BigInt(header.referencesOffset), 48);
  cluster.writeUInt32BE(header.referencesClusters, 56);
  // References are counted in two bytes each: two to the power of four bits.
  cluster.writeUInt32BE(4, 96);
  cluster.writeUInt32BE(QCOW2.headerBytes, 100);
  if (header.backing === undefined) return cluster;
  cluster.writeUInt32BE(BACKING_FORMAT, QCOW2.headerBytes);
  cluster.writeUInt32BE("qcow2".length, QCOW2.headerBytes + 4);
  cluster.write("qcow2", QCOW2.headerBytes + 8);
  // Extensions are padded to eight bytes, and end with one of nothing.
  const nameOffset = QCOW2.headerBytes + 16 + 8;
  cluster.writeBigUInt64BE(BigInt(nameOffset), 8);
  cluster.writeUInt32BE(Buffer.byteLength(header.backing), 16);
  cluster.write(header.backing, nameOffset);
  return cluster;
}
