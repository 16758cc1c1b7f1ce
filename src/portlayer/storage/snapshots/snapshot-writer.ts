import { type FileHandle, open } from "node:fs/promises";

import { encodeHeader, QCOW2 } from "./qcow2-header.ts";

const { clusterBytes } = QCOW2;

/** Entries of a second table, each for a cluster of the disk. */
const TABLE_ENTRIES = clusterBytes / 8;

/** Counters of a cluster: each has two bytes. */
const COUNTERS = clusterBytes / 2;

/**
 * Writes a qcow2 file once, from its beginning to its end: clusters of the disk in any order, each once, then its tables.
 * Its header comes last: what a killed process leaves is no qcow2.
 */
export class SnapshotWriter implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  readonly #backing: string | undefined;
  readonly #tables = new Map<number, Buffer>();
  /** Clusters of the file that are taken; the first is the header's. */
  #used = 1;

  private constructor(file: FileHandle, sizeBytes: number, backing: string | undefined) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
    this.#backing = backing;
  }

  /**
   * @param path must not exist.
   * @param backing the file of the same folder that the snapshot stands on, a qcow2 of the same size.
   */
  static async create(
    path: string,
    { sizeBytes, backing }: { readonly sizeBytes: number; readonly backing: string | undefined },
  ): Promise<SnapshotWriter> {
    return new SnapshotWriter(await open(path, "wx", 0o600), sizeBytes, backing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  /** @param bytes of whole clusters, from this one on. */
  async write(first: number, bytes: Buffer): Promise<void> {
    const offset = await this.#append(bytes);
    for (let done = 0; done < bytes.length; done += clusterBytes) {
      const cluster = first + done / clusterBytes;
      const number = Math.floor(cluster / TABLE_ENTRIES);
      const table = this.#tables.get(number) ?? Buffer.alloc(clusterBytes);
      this.#tables.set(number, table);
      table.writeBigUInt64BE(entry(offset + done), (cluster % TABLE_ENTRIES) * 8);
    }
  }

  /** Writes the tables and the header. Synchronising the file is its user's. */
  async finish(): Promise<void> {
    const tableEntries = Math.ceil(this.#sizeBytes / clusterBytes / TABLE_ENTRIES);
    const first = Buffer.alloc(roundUp(tableEntries * 8));
    for (const [number, table] of this.#tables)
      first.writeBigUInt64BE(entry(await this.#append(table)), number * 8);
    const tableOffset = await this.#append(first);
    const references = await this.#countReferences();
    const header = encodeHeader({
      ...{ sizeBytes: this.#sizeBytes, backing: this.#backing, tableOffset, tableEntries },
      ...references,
    });
    await this.#writeAt(header, 0);
  }

  /** Every cluster of the file is taken once, those of the counters as well. */
  async #countReferences(): Promise<{ referencesOffset: number; referencesClusters: number }> {
    let [blocks, clusters] = [0, 0];
    for (let before = -1; before !== blocks; ) {
      before = blocks;
      blocks = Math.ceil((this.#used + blocks + clusters) / COUNTERS);
      clusters = roundUp(blocks * 8) / clusterBytes;
    }
    const total = this.#used + blocks + clusters;
    const counters = Buffer.alloc(blocks * clusterBytes);
    for (let cluster = 0; cluster < total; cluster += 1) counters.writeUInt16BE(1, cluster * 2);
    const countersOffset = await this.#append(counters);
    const table = Buffer.alloc(clusters * clusterBytes);
    for (let block = 0; block < blocks; block += 1)
      table.writeBigUInt64BE(BigInt(countersOffset + block * clusterBytes), block * 8);
    return { referencesOffset: await this.#append(table), referencesClusters: clusters };
  }

  async #append(bytes: Buffer): Promise<number> {
    const offset = this.#used * clusterBytes;
    this.#used += bytes.length / clusterBytes;
    await this.#writeAt(bytes, offset);
    return offset;
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }
}

const entry = (offset: number): bigint => BigInt(offset) | QCOW2.copied;

const roundUp = (bytes: number): number => Math.ceil(bytes / clusterBytes) * clusterBytes;
