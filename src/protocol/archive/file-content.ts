import { read, write } from "node:fs";
import type { Extent } from "./tar-entry.ts";
import type { FileCalls } from "./file-calls.ts";

/** One read of a file: two of SSH's channel windows' packets at a time would do, more costs memory only. */
const PIECE_BYTES = 128 * 1024;

/** Beyond so many stretches the rest of a file counts as data: the list is kept in memory. */
const MOST_EXTENTS = 100_000;

/** Where a file holds data; undefined when it has no holes worth mentioning, or the file system does not tell. */
export function findExtents(calls: FileCalls, descriptor: number, size: number): Extent[] | undefined {
  const extents: Extent[] = [];
  for (let position = 0; position < size; ) {
    const start = calls.seekData(descriptor, position);
    if (start === undefined || start >= size) break;
    const isLast = extents.length === MOST_EXTENTS - 1;
    const end = isLast ? size : Math.min(calls.seekHole(descriptor, start) ?? size, size);
    extents.push({ offset: start, length: end - start });
    position = end;
  }
  const [first] = extents;
  return extents.length === 1 && first?.length === size ? undefined : extents;
}

/** A stretch of a file; what the file no longer has is zeros, since its length was promised before. */
export async function* readExtent(descriptor: number, { offset, length }: Extent): AsyncGenerator<Buffer> {
  let isAtEnd = false;
  for (let done = 0; done < length; ) {
    const wanted = Math.min(PIECE_BYTES, length - done);
    const piece = Buffer.allocUnsafeSlow(wanted);
    const count: number = isAtEnd ? 0 : await readAt(descriptor, piece, offset + done);
    isAtEnd = count === 0;
    if (isAtEnd) piece.fill(0);
    done += isAtEnd ? wanted : count;
    yield isAtEnd ? piece : piece.subarray(0, count);
  }
}

/** read(2) at a position, in a thread of libuv's: the file may be on a slow disk. @returns bytes read. */
export function readAt(descriptor: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    read(descriptor, buffer, 0, buffer.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    ),
  );
}

/** Writes all of it at a position. */
export async function writeAt(descriptor: number, data: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < data.length; ) done += await writeSome(descriptor, data, done, position + done);
}

function writeSome(descriptor: number, data: Uint8Array, offset: number, position: number): Promise<number> {
  return new Promise((resolve, reject) =>
    write(descriptor, data, offset, data.length - offset, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    ),
  );
}
