import { type FileHandle, open } from "node:fs/promises";

import type { DiskBytes } from "./disk-bytes.ts";
import { disksBelow } from "./disk-chain.ts";
import { HEADER_READ_BYTES, parseHeader, QCOW2, type Qcow2Header } from "./qcow2-header.ts";

/** The content of a snapshot, read through those that it stands on. All are ours: uncompressed, with QEMU's usual clusters. */
export class SnapshotReader implements DiskBytes {
  /** The topmost first. */
  readonly #levels: readonly Level[];

  private constructor(levels: readonly Level[]) {
    this.#levels = levels;
  }

  /** @throws Error for what is no such snapshot. */
  static async open(path: string): Promise<SnapshotReader> {
    const levels: Level[] = [];
    try {
      for (const file of disksBelow(path)) levels.push(await Level.open(file));
      if (levels.at(-1)?.header.backing !== undefined) throw new Error(`what ${path} stands on is missing`);
      return new SnapshotReader(levels);
    } catch (error) {
      for (const level of levels) await level.close();
      throw error;
    }
  }

  /** Of the disk. */
  get sizeBytes(): number {
    return this.#levels[0]?.header.sizeBytes ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const level of this.#levels) await level.close();
  }

  async read(position: number, length: number): Promise<Buffer> {
    if (position + length > this.sizeBytes) throw new Error("the disk ends too early");
    const bytes = Buffer.alloc(length);
    for (const { level, offset, from, to } of await this.#find(position, length))
      await level.fill(bytes.subarray(from, to), offset);
    return bytes;
  }

  /** What of the files has the content, in pieces as long as they are; what none of them has is zeros. */
  async #find(position: number, length: number): Promise<Extent[]> {
    const extents: Extent[] = [];
    for (let from = 0; from < length; ) {
      const inCluster = (position + from) % QCOW2.clusterBytes;
      const to = Math.min(length, from + QCOW2.clusterBytes - inCluster);
      const found = await this.#locate((position + from - inCluster) / QCOW2.clusterBytes);
      const last = extents.at(-1);
      if (found !== undefined) {
        const offset = found.offset + inCluster;
        const isNext =
          last?.level === found.level && last.to === from && last.offset + (last.to - last.from) === offset;
        if (isNext) extents[extents.length - 1] = { ...last, to };
        else extents.push({ level: found.level, offset, from, to });
      }
      from = to;
    }
    return extents;
  }

  /** The topmost file that has a cluster, and where. */
  async #locate(cluster: number): Promise<{ readonly level: Level; readonly offset: number } | undefined> {
    for (const level of this.#levels) {
      const offset = await level.find(cluster);
      if (offset === "zeros") return undefined;
      if (offset !== undefined) return { level, offset };
    }
    return undefined;
  }
}

/** A piece of what is read, and the place in a file that has it. */
interface Extent {
  readonly level: Level;
  readonly offset: number;
  readonly from: number;
  readonly to: number;
}

/** Entries of a table that is as large as a cluster. */
const TABLE_ENTRIES = QCOW2.clusterBytes / 8;

/** One file. */
class Level {
  readonly header: Qcow2Header;
  readonly #file: FileHandle;
  readonly #first: Buffer;
  readonly #second = new Map<number, Buffer>();

  private constructor(file: FileHandle, header: Qcow2Header, first: Buffer) {
    this.#file = file;
    this.header = header;
    this.#first = first;
  }

  static async open(path: string): Promise<Level> {
    const file = await open(path, "r");
    try {
      const start = await readAt(file, 0, HEADER_READ_BYTES);
      const header = parseHeader(start);
      if (header?.clusterBits !== QCOW2.clusterBits || header.incompatible !== 0n)
        throw new Error(`${path} is no snapshot that is known here`);
      return new Level(file, header, await readAt(file, header.tableOffset, header.tableEntries * 8));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** Where in the file a cluster of the disk is; undefined: below. */
  async find(cluster: number): Promise<number | "zeros" | undefined> {
    const tableNumber = Math.floor(cluster / TABLE_ENTRIES);
    if (tableNumber >= this.header.tableEntries) return undefined;
    const tableOffset = Number(this.#first.readBigUInt64BE(tableNumber * 8) & QCOW2.offsetMask);
    if (tableOffset === 0) return undefined;
    const table =
      this.#second.get(tableNumber) ?? (await readAt(this.#file, tableOffset, QCOW2.clusterBytes));
    this.#second.set(tableNumber, table);
    const entry = table.readBigUInt64BE((cluster % TABLE_ENTRIES) * 8);
    if ((entry & QCOW2.compressed) !== 0n) throw new Error("the snapshot has compressed clusters");
    if ((entry & QCOW2.zeros) !== 0n) return "zeros";
    const offset = Number(entry & QCOW2.offsetMask);
    return offset === 0 ? undefined : offset;
  }

  async fill(target: Buffer, position: number): Promise<void> {
    const { bytesRead } = await this.#file.read(target, 0, target.length, position);
    if (bytesRead < target.length) throw new Error("the snapshot ends too early");
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(length), position });
  if (bytesRead < length) throw new Error("the snapshot ends too early");
  return buffer;
}
