/** A varint of 64 bits has at most ten bytes (protobuf encoding guide). */
export const MOST_VARINT_BYTES = 10;

const LOW_BITS = 0x7f;
const MORE = 0x80;
/** Up to here bits may be shifted as those of a number of 32 bits with a sign. */
const MOST_SMALL = 2 ** 31;

/**
 * Writes protobuf from the end of a buffer to its beginning: the length of a message is known when it is to be written,
 * without counting it first.
 */
export class BackwardWriter {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Begins anew, with room for so many bytes. */
  begin(mostBytes: number): void {
    if (this.#bytes.length < mostBytes) this.#bytes = Buffer.alloc(mostBytes);
    this.#at = this.#bytes.length;
  }

  /** Where the next byte comes before; the distance between two places is what was written. */
  get at(): number {
    return this.#at;
  }

  /** A copy of everything. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#at));
  }

  byte(byte: number): void {
    this.#bytes[--this.#at] = byte;
  }

  copy(bytes: Uint8Array): void {
    this.#at -= bytes.length;
    this.#bytes.set(bytes, this.#at);
  }

  /** @param value 0 to 2^53. */
  varint(value: number): void {
    if (value <= LOW_BITS) {
      this.#bytes[--this.#at] = value;
      return;
    }
    this.#at -= varintBytes(value);
    let at = this.#at;
    let rest = value;
    while (rest >= MOST_SMALL) {
      this.#bytes[at++] = (rest % MORE) | MORE;
      rest = Math.floor(rest / MORE);
    }
    while (rest > LOW_BITS) {
      this.#bytes[at++] = (rest & LOW_BITS) | MORE;
      rest >>>= 7;
    }
    this.#bytes[at] = rest;
  }

  /** A sint64: the sign is the lowest bit. Exact for every safe integer, the doubled value of which may be none. */
  zigzag(value: number): void {
    const sign = value < 0 ? 1 : 0;
    const magnitude = value < 0 ? -value - 1 : value;
    if (magnitude < MOST_SMALL / 2) {
      this.varint(magnitude * 2 + sign);
      return;
    }
    this.varint(Math.floor(magnitude / 64));
    this.#bytes[--this.#at] = (magnitude % 64) * 2 + sign + MORE;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let limit = MORE; value >= limit; limit *= MORE) bytes += 1;
  return bytes;
}
