import { type FileHandle, open } from "node:fs/promises";

import { HEADER_READ_BYTES, parseHeader } from "./qcow2-header.ts";
import { SnapshotReader } from "./snapshot-reader.ts";

/** The bytes of a disk that nobody writes to. */
export interface DiskBytes extends AsyncDisposable {
  /** @throws Error behind the disk's end. */
  read(position: number, length: number): Promise<Buffer>;
}

/** Opens a disk of ours, a raw file or a snapshot over others. @throws Error for one that is damaged. */
export async function openDisk(path: string): Promise<DiskBytes> {
  await using file = await RawDisk.open(path);
  const header = parseHeader(await file.start());
  return header === undefined ? await RawDisk.open(path) : await SnapshotReader.open(path);
}

/** A raw file. */
export class RawDisk implements DiskBytes {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<RawDisk> {
    return new RawDisk(await open(path, "r"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async read(position: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read({ buffer: Buffer.alloc(length), position });
    if (bytesRead < length) throw new Error("the disk ends too early");
    return buffer;
  }

  /** What the file begins with, however short it is. */
  async start(): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#file.read({
      buffer: Buffer.alloc(HEADER_READ_BYTES),
      position: 0,
    });
    return buffer.subarray(0, bytesRead);
  }
}
