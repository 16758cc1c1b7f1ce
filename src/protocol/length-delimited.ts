import { TetherError } from "./errors/index.ts";

/** No message of ours comes near this; a larger size on the wire is an attack or a torn stream. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;

/** A varint of 32 bits has at most five bytes (protobuf encoding guide). */
const MAX_VARINT_BYTES = 5;

/** Puts a message's size before it, as protobuf's `writeDelimited` does. */
export function encodeDelimited(message: Uint8Array): Buffer {
  const prefix: number[] = [];
  let rest = message.length;
  while (rest > 0x7f) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  return Buffer.concat([Uint8Array.from(prefix), message]);
}

/**
 * Cuts a stream of length-delimited messages into messages, however the stream was chunked.
 * Never holds more than one message and one chunk.
 */
export class DelimitedDecoder {
  readonly #maxBytes: number;
  #pending: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number = MAX_MESSAGE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next chunk and gives the messages that are now complete, one after the other: those before a
   * damage too.
   *
   * @throws TetherError `link-protocol` for a size above the limit or a malformed one; the stream is
   *   useless from then on.
   */
  *push(chunk: Uint8Array): Generator<Buffer, void, undefined> {
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const header = this.#readSize();
      if (header === undefined || this.#pending.length < header.prefixBytes + header.size) return;
      const end = header.prefixBytes + header.size;
      const message = this.#pending.subarray(header.prefixBytes, end);
      this.#pending = this.#pending.subarray(end);
      yield message;
    }
  }

  /** True when the stream has ended inside a message. */
  get isTorn(): boolean {
    return this.#pending.length > 0;
  }

  #readSize(): { prefixBytes: number; size: number } | undefined {
    let size = 0;
    for (let index = 0; index < MAX_VARINT_BYTES; index++) {
      const byte = this.#pending[index];
      if (byte === undefined) return undefined;
      size += (byte & 0x7f) * 2 ** (7 * index);
      if (size > this.#maxBytes) {
        throw new TetherError(
          "link-protocol",
          `a message of ${size} bytes exceeds the limit of ${this.#maxBytes}`,
        );
      }
      if ((byte & 0x80) === 0) return { prefixBytes: index + 1, size };
    }
    throw new TetherError("link-protocol", "a message's size is malformed");
  }
}
