/** What a source said at a moment: its text, or the errno with which it could not be read. */
export type SourceText = string | number;

/** One reading of all sources. */
export interface Row {
  /** CLOCK_BOOTTIME and CLOCK_REALTIME, in microseconds. */
  readonly monotonicUs: number;
  readonly wallUs: number;
  /** What the recorder was told of its sources; the same object in all rows after a full one. */
  readonly description: Buffer;
  /** Latin-1: what counts are bytes. */
  readonly texts: readonly SourceText[];
}

// As in native/addon/recorder.h.
const FULL_ROW = 1;
const SAME = 0;
const OTHER_NUMBERS = 1;
const OTHER_TEXT = 2;
const LENGTH_BYTES = 4;
const CLOCK_BYTES = 8;

/** Beyond that a run of digits is text, and one with zeros in front of others as well. */
const MOST_DIGITS = 18;

/** One after the other, each as the sources were then. @param bytes what a recorder has kept, from a full row on. */
export function* decodeRows(bytes: Buffer): Generator<Row, void> {
  let before: Row | undefined;
  for (let at = 0; at < bytes.length; ) {
    const end = at + LENGTH_BYTES + bytes.readUInt32LE(at);
    before = decodeRow(new RowReader(bytes, at + LENGTH_BYTES, end), before);
    yield before;
    at = end;
  }
}

function decodeRow(reader: RowReader, before: Row | undefined): Row {
  const isFull = reader.byte() === FULL_ROW;
  const monotonicUs = reader.clock();
  const wallUs = reader.clock();
  if (isFull) {
    const description = reader.bytes(reader.varint());
    const texts: SourceText[] = [];
    while (!reader.hasEnded) texts.push(decodeEntry(reader, undefined));
    return { monotonicUs, wallUs, description, texts };
  }
  if (before === undefined) throw new RangeError("the first row is not a full one");
  const { description } = before;
  return { monotonicUs, wallUs, description, texts: before.texts.map((text) => decodeEntry(reader, text)) };
}

function decodeEntry(reader: RowReader, before: SourceText | undefined): SourceText {
  const kind = reader.varint();
  if (kind === OTHER_TEXT) return reader.bytes(reader.varint()).toString("latin1");
  if (kind !== SAME && kind !== OTHER_NUMBERS) return reader.varint();
  if (before === undefined) throw new RangeError("a difference to nothing");
  return kind === SAME ? before : withOtherNumbers(String(before), reader);
}

function withOtherNumbers(text: string, reader: RowReader): string {
  let difference = reader.zigzag();
  let skipped = difference === 0n ? 0 : reader.varint();
  return text.replaceAll(/\d+/g, (digits) => {
    const isText = digits.length > MOST_DIGITS || (digits.length > 1 && digits.startsWith("0"));
    if (isText || difference === 0n) return digits;
    if (skipped > 0) {
      skipped -= 1;
      return digits;
    }
    const number = BigInt(digits) + difference;
    difference = reader.zigzag();
    skipped = difference === 0n ? 0 : reader.varint();
    return String(number);
  });
}

class RowReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  get hasEnded(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  clock(): number {
    const time = Number(this.#bytes.readBigInt64LE(this.#at));
    this.#at += CLOCK_BYTES;
    return time;
  }

  bytes(length: number): Buffer {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  varint(): number {
    return Number(this.#bigVarint());
  }

  /** A difference: 1 is -1, 2 is 1. */
  zigzag(): bigint {
    const value = this.#bigVarint();
    return (value >> 1n) ^ -(value & 1n);
  }

  #bigVarint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
}
