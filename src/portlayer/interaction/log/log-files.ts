import { readdirSync } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { hasCode } from "../../../protocol/errors/index.ts";

/** One file of a log, at its place in the whole. */
interface Segment {
  readonly handle: FileHandle;
  readonly inode: bigint;
  /** Offset of its first byte in the log. */
  readonly start: number;
}

/**
 * The numbers of a log's rotated files, newest (1) first.
 *
 * @param path of the file that is written: the others are PATH.1, PATH.2 …
 */
export function rotatedNumbers(path: string): number[] {
  const prefix = `${basename(path)}.`;
  return namesIn(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,5}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/**
 * A log's files as one, oldest first, while they may be rotated: opened files stay what they are when they are
 * renamed or removed.
 */
export class LogFiles {
  readonly #path: string;
  readonly #segments: Segment[];

  private constructor(path: string, segments: Segment[]) {
    this.#path = path;
    this.#segments = segments;
  }

  /** A log that is not there is empty. Whoever opens it closes it. */
  static async open(path: string): Promise<LogFiles> {
    return new LogFiles(path, await place(await openNewerThan(path, undefined), 0));
  }

  /** The present number of bytes. */
  async size(): Promise<number> {
    const last = this.#segments.at(-1);
    return last === undefined ? 0 : last.start + (await last.handle.stat()).size;
  }

  /** Up to `maxBytes` at `position`, of one file; undefined at the end. */
  async read(position: number, maxBytes: number): Promise<Buffer | undefined> {
    const index = this.#segments.findLastIndex(({ start }) => start <= position);
    const segment = this.#segments[index];
    if (segment === undefined) return undefined;
    const next = this.#segments[index + 1]?.start ?? Number.POSITIVE_INFINITY;
    const length = Math.min(maxBytes, next - position);
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await segment.handle.read(buffer, 0, length, position - segment.start);
    return bytesRead === 0 ? undefined : buffer.subarray(0, bytesRead);
  }

  /**
   * Goes on to the files that were begun since, once the last one has been read to its end.
   *
   * @param position up to where the log was read.
   * @returns whether there is more to read.
   */
  async advance(position: number): Promise<boolean> {
    const last = this.#segments.at(-1);
    const current = await inodeOf(this.#path);
    if (current === undefined || current === last?.inode) return false;
    // QEMU makes the new file before it leaves the old one, and does not write in between: now the old one is whole.
    const size = await this.size();
    if (size > position) return true;
    this.#segments.push(...(await place(await openNewerThan(this.#path, last?.inode), size)));
    return true;
  }

  async close(): Promise<void> {
    await Promise.all(this.#segments.map(({ handle }) => handle.close()));
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
}

/** Opens from the newest file back to the one that is known; a rotation meanwhile shows a file twice, and misses none. */
async function openNewerThan(path: string, known: bigint | undefined): Promise<OpenFile[]> {
  const files: OpenFile[] = [];
  const add = async (name: string): Promise<boolean> => {
    const handle = await openIfThere(name);
    if (handle === undefined) return true;
    const { ino } = await handle.stat({ bigint: true });
    const isKnown = ino === known;
    if (isKnown || files.some(({ inode }) => inode === ino)) await handle.close();
    else files.unshift({ handle, inode: ino });
    return !isKnown;
  };
  if (!(await add(path))) return files;
  for (const number of rotatedNumbers(path)) if (!(await add(`${path}.${number}`))) break;
  return files;
}

async function place(files: readonly OpenFile[], start: number): Promise<Segment[]> {
  const segments: Segment[] = [];
  let next = start;
  for (const file of files) {
    segments.push({ ...file, start: next });
    next += (await file.handle.stat()).size;
  }
  return segments;
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
