import type { Readable } from "node:stream";
import { ReplayBuffer } from "./replay-buffer.ts";

/** Bytes that come from somewhere, and the latest of them kept: what a replayed stream is made of. */
export interface ReplaySource {
  /** Offset of the oldest byte that is still kept. */
  readonly start: number;
  /** Number of bytes that have come so far. */
  readonly end: number;
  /** Nothing will come any more. */
  readonly hasEnded: boolean;
  /** Begins: `changed` is called, in a turn of its own, when there are more bytes or the end has come. */
  open(changed: () => void): void;
  /** The next piece at `offset`, of at most `maxBytes`; undefined when there is none (yet, or any more). */
  read(offset: number, maxBytes: number): Buffer | undefined;
  /** The bytes before `offset` are not needed any more. */
  forget(offset: number): void;
  /** Takes nothing from `offset` on, as nearly as it can. */
  setLimit(offset: number): void;
  /** Takes what has come by now, its end included, and calls `changed` itself. A source without it tells by itself. */
  catchUp?(): void;
  /** Takes no more, though the origin is still open: a grandchild may hold it for ever. */
  close(): void;
}

/** A Node stream and a buffer in memory. */
export class ReadableSource implements ReplaySource {
  readonly #readable: Readable;
  readonly #buffer = new ReplayBuffer();
  #changed: () => void = () => {};
  #hasEnded = false;

  constructor(readable: Readable) {
    this.#readable = readable;
  }

  get start(): number {
    return this.#buffer.start;
  }

  get end(): number {
    return this.#buffer.end;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  open(changed: () => void): void {
    this.#changed = changed;
    this.#readable.on("data", (chunk: Buffer) => {
      this.#buffer.append(chunk);
      this.#changed();
    });
    this.#readable.once("end", () => this.close());
    this.#readable.once("close", () => this.close());
    // A pty's master reports the end as EIO: what was read before it is all there was.
    this.#readable.on("error", () => this.close());
  }

  read(offset: number, maxBytes: number): Buffer | undefined {
    return this.#buffer.read(offset, maxBytes);
  }

  forget(offset: number): void {
    this.#buffer.forget(offset);
  }

  setLimit(offset: number): void {
    if (this.#hasEnded) return;
    if (this.end >= offset) this.#readable.pause();
    else this.#readable.resume();
  }

  close(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#readable.removeAllListeners("data");
    this.#readable.destroy();
    this.#changed();
  }
}
