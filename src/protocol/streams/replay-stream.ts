import type { Readable } from "node:stream";
import { ReplayBuffer } from "./replay-buffer.ts";

/** One write to a client; two SSH packets. */
const PIECE_BYTES = 64 * 1024;

/** A reader may lag behind by this much before the source has to wait for it. */
const LAG_BYTES = 256 * 1024;

/** What may arrive while nobody reads, yet or any more. */
const EARLY_BYTES = 1024 * 1024;

/** ssh2's channel window: what is on its way at most, and what a receiver buffers before it closes the window. */
const WINDOW_BYTES = 2 * 1024 * 1024;

/** What is kept behind the slowest reader: bytes that were handed to SSH may be lost with the link. */
const RETAINED_BYTES = {
  /** The far side uses all that reached it. */
  "what is on its way": WINDOW_BYTES + PIECE_BYTES,
  /** The far side drops what it has buffered and not used: a guest whose process does not read its input. */
  "what is buffered too": 2 * WINDOW_BYTES + PIECE_BYTES,
} as const;

/** Where a reader's bytes go. */
export interface StreamSink {
  /** Calls `done` when it has taken the chunk over and can take the next. */
  write(chunk: Buffer, done: () => void): void;
  /** The stream has ended and everything was written. */
  end(): void;
}

/** One reader's place in a stream. */
interface Reader {
  cursor: number;
  isWriting: boolean;
  isEnded: boolean;
  readonly sink: StreamSink;
}

/**
 * A byte stream and everybody who reads it, each at its own place: a process's output in the guest, a user's
 * input on the host. Reading from the source stops while a reader lags, nothing is dropped for a reader that is
 * attached, and a reader that lost its link goes on where it was.
 */
export class ReplayStream {
  readonly #source: Readable;
  readonly #buffer = new ReplayBuffer();
  readonly #readers = new Set<Reader>();
  /** The furthest place that any reader has had; bytes before it may be forgotten. */
  #furthest = 0;
  #isEnded = false;
  readonly #ended = Promise.withResolvers<void>();
  readonly #retainedBytes: number;

  /** @param lost what is lost with a link, and has to be kept for it. */
  constructor(source: Readable, lost: keyof typeof RETAINED_BYTES = "what is on its way") {
    this.#source = source;
    this.#retainedBytes = RETAINED_BYTES[lost];
    source.on("data", (chunk: Buffer) => {
      this.#buffer.append(chunk);
      this.#advance();
    });
    source.once("end", () => {
      this.end();
    });
    source.once("close", () => {
      this.end();
    });
    // A pty's master reports the end as EIO: what was read before it is all there was.
    source.on("error", () => {
      this.end();
    });
  }

  /** Resolves when the last byte was read from the source. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Number of bytes that the source has had. */
  get length(): number {
    return this.#buffer.end;
  }

  /**
   * Reads from `offset` on, or from the oldest byte kept when that one is gone. A new client starts at 0.
   *
   * @returns stops reading; the sink is not called any more.
   */
  attach(offset: number, sink: StreamSink): () => void {
    const cursor = Math.min(Math.max(offset, this.#buffer.start), this.#buffer.end);
    const reader: Reader = { cursor, isWriting: false, isEnded: false, sink };
    this.#readers.add(reader);
    this.#advance();
    return () => {
      if (!this.#readers.delete(reader)) return;
      this.#advance();
    };
  }

  /** Ends the stream though its source is still open: a grandchild may hold it for ever. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#source.removeAllListeners("data");
    this.#source.destroy();
    this.#ended.resolve();
    this.#advance();
  }

  #advance(): void {
    for (const reader of this.#readers) this.#serve(reader);
    this.#buffer.forget(Math.min(this.#slowest(), this.#furthest) - this.#retainedBytes);
    if (this.#isEnded) return;
    if (this.#mustWait()) this.#source.pause();
    else this.#source.resume();
  }

  #serve(reader: Reader): void {
    if (reader.isWriting || reader.isEnded) return;
    const chunk = this.#buffer.read(reader.cursor, PIECE_BYTES);
    if (chunk === undefined) {
      if (!this.#isEnded) return;
      reader.isEnded = true;
      reader.sink.end();
      return;
    }
    reader.isWriting = true;
    reader.cursor += chunk.length;
    this.#furthest = Math.max(this.#furthest, reader.cursor);
    reader.sink.write(chunk, () => {
      reader.isWriting = false;
      if (this.#readers.has(reader)) this.#advance();
    });
  }

  #mustWait(): boolean {
    if (this.#readers.size === 0) return this.#buffer.end - this.#furthest >= EARLY_BYTES;
    return this.#buffer.end - this.#slowest() >= LAG_BYTES;
  }

  #slowest(): number {
    return Math.min(this.#buffer.end, ...[...this.#readers].map((reader) => reader.cursor));
  }
}
