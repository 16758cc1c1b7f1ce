import { type ByteString, fromBytes, toBytes } from "../protocol/archive/index.ts";

/** Requests of SFTP version 3 (draft-ietf-secsh-filexfer-02 section 3), by their type. */
export const REQUESTS = {
  INIT: 1,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  EXTENDED: 200,
} as const;

/** Responses, by their type. */
export const RESPONSES = {
  VERSION: 2,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED_REPLY: 201,
} as const;

/** Status codes (section 7). */
export const STATUSES = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;

/** A packet that ends too soon or holds what it must not. */
export class BadPacket extends Error {}

/** Takes a packet's fields apart, in order (section 3: numbers are big-endian, strings have their length before them). */
export class PacketReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A file offset. */
  uint64(): number {
    const value = Number(this.#bytes.readBigUInt64BE(this.#take(8)));
    if (!Number.isSafeInteger(value)) throw new BadPacket("an offset out of bounds");
    return value;
  }

  bytes(): Buffer {
    const length = this.uint32();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A path; a NUL would cut it. */
  path(): ByteString {
    const path = fromBytes(this.bytes());
    if (path.includes("\0")) throw new BadPacket("a path with a NUL");
    return path;
  }

  #take(length: number): number {
    const start = this.#position;
    if (start + length > this.#bytes.length) throw new BadPacket("a packet that ends too soon");
    this.#position += length;
    return start;
  }
}

/** Puts a packet together. */
export class PacketWriter {
  readonly #parts: Buffer[] = [];

  constructor(type: number) {
    this.#parts.push(Buffer.of(type));
  }

  uint32(...values: readonly number[]): this {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
    this.#parts.push(bytes);
    return this;
  }

  uint64(...values: readonly bigint[]): this {
    const bytes = Buffer.alloc(8 * values.length);
    for (const [index, value] of values.entries())
      bytes.writeBigUInt64BE(BigInt.asUintN(64, value), index * 8);
    this.#parts.push(bytes);
    return this;
  }

  bytes(value: Buffer): this {
    this.uint32(value.length);
    this.#parts.push(value);
    return this;
  }

  text(value: ByteString): this {
    return this.bytes(toBytes(value));
  }

  raw(value: Buffer): this {
    this.#parts.push(value);
    return this;
  }

  /** With its length before it. */
  finish(): Buffer {
    const length = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const head = Buffer.alloc(4);
    head.writeUInt32BE(length);
    return Buffer.concat([head, ...this.#parts]);
  }
}
