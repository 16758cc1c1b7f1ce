import { BackwardWriter } from "./backward-writer.ts";
import type { MessageShape, SampleShape } from "./shape.ts";

/** One reading of the kernel. Nothing in it changes any more. */
export interface Reading {
  /** CLOCK_BOOTTIME and CLOCK_REALTIME, in microseconds. */
  readonly monotonicUs: number;
  readonly wallUs: number;
  readonly shape: SampleShape;
  /** By slot; NaN where the kernel does not tell. */
  readonly values: Float64Array;
}

/** What a subscriber is to get of a reading. */
export interface SampleRequest {
  readonly reading: Reading;
  /** Bit of each group. */
  readonly groups: number;
  /** What the subscriber has; undefined: nothing. */
  readonly base: Reading | undefined;
  /** Samples that it was too slow for. */
  readonly lost: number;
}

/** An encoded sample. */
export interface EncodedSample {
  /** A Message of proto/stats.proto with its length before it. */
  readonly frame: Buffer;
  readonly isDelta: boolean;
}

// Keys and wire types of Sample's first fields, and of Message's `sample`.
const MONOTONIC_TAG = 1 << 3;
const WALL_TAG = 2 << 3;
const LOST_TAG = 3 << 3;
const DELTA_TAG = 4 << 3;
const MESSAGE_SAMPLE_TAG = (1 << 3) | 2;

/** From here on a field's key takes two bytes. */
const LARGE_TAG = 0x80;

/** Encodes samples as proto/stats.proto has them, straight from their numbers. */
export class SampleEncoder {
  readonly #writer = new BackwardWriter();
  /** Where the sample ends in the buffer. */
  #end = 0;
  /** Of the sample that is being encoded. */
  #values: Float64Array = new Float64Array();
  #base: Float64Array | undefined;
  /** A number came or went, which no difference can tell. */
  #isIncomparable = false;

  /** A Message for the wire: of differences where that is asked for and possible. */
  message(request: SampleRequest): EncodedSample {
    const isDelta = this.#sample(request);
    const writer = this.#writer;
    const end = this.#end;
    writer.varint(end - writer.at);
    writer.byte(MESSAGE_SAMPLE_TAG);
    writer.varint(end - writer.at);
    return { frame: writer.finish(), isDelta };
  }

  /** A full Sample alone. */
  sample(reading: Reading, groups: number): Buffer {
    this.#sample({ reading, groups, base: undefined, lost: 0 });
    return this.#writer.finish();
  }

  #sample(request: SampleRequest): boolean {
    const { reading, base } = request;
    if (base?.shape === reading.shape) {
      this.#write(request, base);
      if (!this.#isIncomparable) return true;
    }
    this.#write(request, undefined);
    return false;
  }

  #write({ reading, groups, lost }: SampleRequest, base: Reading | undefined): void {
    const writer = this.#writer;
    this.#values = reading.values;
    this.#base = base?.values;
    this.#isIncomparable = false;
    writer.begin(reading.shape.mostBytes);
    this.#end = writer.at;
    const { messages } = reading.shape;
    for (let index = messages.length - 1; index >= 0; index--) {
      const entry = messages[index];
      if (entry !== undefined && (groups & (1 << entry.group)) !== 0) this.#message(entry.message);
    }
    if (base !== undefined) this.#number(DELTA_TAG, 1);
    if (lost > 0) this.#number(LOST_TAG, lost);
    writer.zigzag(reading.wallUs);
    writer.byte(WALL_TAG);
    writer.zigzag(reading.monotonicUs);
    writer.byte(MONOTONIC_TAG);
  }

  #number(tag: number, value: number): void {
    this.#writer.varint(value);
    this.#writer.byte(tag);
  }

  /** What has nothing to say is left out. */
  #message(message: MessageShape): void {
    const writer = this.#writer;
    const end = writer.at;
    const { children, identity, description, tag } = message;
    for (let index = children.length - 1; index >= 0; index--) {
      const child = children[index];
      if (child !== undefined) this.#message(child);
    }
    this.#numbers(message);
    const isFull = this.#base === undefined;
    if (isFull && description !== undefined) writer.copy(description);
    const hasContent = writer.at < end;
    if (!hasContent && (identity === undefined || !isFull)) return;
    if (identity !== undefined) writer.copy(identity);
    writer.varint(end - writer.at);
    if (tag < LARGE_TAG) writer.byte(tag);
    else {
      writer.byte(tag >> 7);
      writer.byte((tag & 0x7f) | LARGE_TAG);
    }
  }

  #numbers({ row, tags }: MessageShape): void {
    const values = this.#values;
    const base = this.#base;
    for (let index = tags.length - 1; index >= 0; index--) {
      const value = values[row + index] ?? Number.NaN;
      if (base === undefined) {
        // Not a number: the kernel does not tell.
        if (value === value) this.#field(tags[index] ?? 0, value);
        continue;
      }
      const before = base[row + index] ?? Number.NaN;
      if (value === before) continue;
      const difference = value - before;
      if (difference === difference) this.#field(tags[index] ?? 0, difference);
      else if ((value === value) !== (before === before)) this.#isIncomparable = true;
    }
  }

  #field(tag: number, value: number): void {
    const writer = this.#writer;
    writer.zigzag(value);
    if (tag < LARGE_TAG) writer.byte(tag);
    else {
      writer.byte(tag >> 7);
      writer.byte((tag & 0x7f) | LARGE_TAG);
    }
  }
}
