import { Readable } from "node:stream";
import { ReadableSource, type ReplaySource } from "./replay-source.ts";

/** One write to a client; two SSH packets. */
const PIECE_BYTES = 64 * 1024;

/** A reader that holds the source may lag behind by this much before the source has to wait for it. */
const LAG_BYTES = 256 * 1024;

/** What may arrive before a reader that is waited for comes (again). */
const EARLY_BYTES = 1024 * 1024;

/** So long the source waits for a client that takes nothing, when others are kept waiting by it. */
const PATIENCE_MS = 1000;

/** How much is kept for a reader that lags and is not waited for; then it has missed something. */
const FOLLOW_BYTES = 4 * 1024 * 1024;

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
  /** The reader was too slow: so many bytes were left out, and it gets no more. */
  overrun?(missedBytes: number): void;
}

/**
 * What a reader is. `record` holds the source back always, for it must have every byte; `hold` does so as long as it
 * is the only client, as the reader of a pipe does. Any other client is waited for while it takes something at
 * least once a second; one that does not is not waited for, and is cut off when what it has not had is forgotten.
 */
export type ReaderKind = "record" | "hold" | "follow";

/** How a reader goes: by its own wish, or with its link, so that it may come back. */
export type Departure = "left" | "lost";

/** One reader's place in a stream. */
interface Reader {
  cursor: number;
  isWriting: boolean;
  isEnded: boolean;
  /** It has had its second; until it takes something again nobody waits for it. */
  isStalled: boolean;
  patience: NodeJS.Timeout | undefined;
  readonly kind: ReaderKind;
  readonly sink: StreamSink;
}

/** How a stream treats the time in which nobody reads it. */
export interface ReplayOptions {
  /** What is lost with a link, and has to be kept for it. */
  readonly lost?: keyof typeof RETAINED_BYTES;
  /** Whether the source waits while there is no reader at all, or its bytes are let go. */
  readonly whileUnread: "wait" | "let go";
}

/**
 * A byte stream and everybody who reads it, each at its own place: a process's output in the guest, a user's
 * input on the host. A reader that lost its link goes on where it was.
 */
export class ReplayStream {
  readonly #source: ReplaySource;
  readonly #options: ReplayOptions;
  readonly #readers = new Set<Reader>();
  /** The furthest place that any reader has had; bytes before it may be forgotten. */
  #furthest = 0;
  /** Where a reader is expected (back), for whom the source waits meanwhile. */
  #expected: { readonly cursor: number; readonly limit: NodeJS.Timeout } | undefined;
  readonly #ended = Promise.withResolvers<void>();
  readonly #retainedBytes: number;

  constructor(source: Readable | ReplaySource, options: ReplayOptions) {
    this.#source = source instanceof Readable ? new ReadableSource(source) : source;
    this.#options = options;
    this.#retainedBytes = RETAINED_BYTES[options.lost ?? "what is on its way"];
    this.#furthest = this.#source.start;
    this.#source.open(() => this.#changed());
    // A source that was there before may have ended already.
    if (this.#source.hasEnded) this.#changed();
    this.#source.setLimit(this.#limit());
  }

  /** Resolves when the last byte was read from the source. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** No byte will follow those that are there. */
  get hasEnded(): boolean {
    return this.#source.hasEnded;
  }

  /** Some client has not had all of it. */
  get isRead(): boolean {
    return [...this.#readers].some(({ kind, isEnded }) => kind !== "record" && !isEnded);
  }

  /** Number of bytes that the source has had. */
  get length(): number {
    return this.#source.end;
  }

  /** Number of bytes that are still kept. */
  get keptBytes(): number {
    return this.#source.end - this.#source.start;
  }

  /** Forgets all of a stream that has ended, unless it is still read. */
  shed(): void {
    if (this.#source.hasEnded && this.#readers.size === 0) this.#source.forget(this.#source.end);
  }

  /**
   * Waits for a reader that is to come, from the present place on, at most this long: the source stops when it is
   * too far ahead.
   */
  expectReader(limitMs: number): void {
    this.#expect(this.#furthest, limitMs);
  }

  /**
   * Reads from `offset` on. A new client starts at 0, and gets what is still kept; one that goes on and whose next
   * byte is gone has missed something, and is cut off.
   *
   * @returns stops reading; the sink is not called any more. A reader that holds the source and is lost is
   *   expected back for `returnLimitMs`.
   */
  attach(
    offset: number,
    sink: StreamSink,
    kind: ReaderKind = "hold",
    returnLimitMs = 0,
  ): (departure?: Departure) => void {
    const { start, end } = this.#source;
    if (offset > 0 && offset < start && kind !== "record" && sink.overrun !== undefined) {
      sink.overrun(end - offset);
      return () => {};
    }
    const cursor = Math.min(Math.max(offset, start), end);
    const state = { isWriting: false, isEnded: false, isStalled: false, patience: undefined };
    const reader: Reader = { ...state, cursor, kind, sink };
    if (kind === "hold") this.#expectNobody();
    this.#readers.add(reader);
    this.#advance();
    return (departure = "left") => {
      if (!this.#remove(reader)) return;
      if (departure === "lost" && kind === "hold" && returnLimitMs > 0) {
        this.#expect(reader.cursor, returnLimitMs);
      }
      this.#advance();
    };
  }

  /** Ends the stream though its source is still open: a grandchild may hold it for ever. */
  end(): void {
    this.#source.close();
  }

  #changed(): void {
    if (this.#source.hasEnded) {
      this.#expectNobody();
      this.#ended.resolve();
    }
    this.#advance();
  }

  #expect(cursor: number, limitMs: number): void {
    if (this.#source.hasEnded) return;
    this.#expectNobody();
    const limit = setTimeout(() => {
      this.#expected = undefined;
      this.#advance();
    }, limitMs);
    this.#expected = { cursor, limit };
  }

  #expectNobody(): void {
    clearTimeout(this.#expected?.limit);
    this.#expected = undefined;
  }

  #advance(): void {
    for (const reader of this.#readers) this.#serve(reader);
    this.#source.forget(this.#unneeded());
    if (!this.#source.hasEnded) this.#source.setLimit(this.#limit());
  }

  #serve(reader: Reader): void {
    if (reader.isWriting || reader.isEnded) return;
    if (reader.cursor < this.#source.start) {
      this.#cutOff(reader);
      return;
    }
    const chunk = this.#source.read(reader.cursor, PIECE_BYTES);
    if (chunk === undefined) {
      if (!this.#source.hasEnded) return;
      reader.isEnded = true;
      reader.sink.end();
      return;
    }
    reader.isWriting = true;
    reader.cursor += chunk.length;
    this.#furthest = Math.max(this.#furthest, reader.cursor);
    reader.sink.write(chunk, () => {
      reader.isWriting = false;
      reader.isStalled = false;
      clearTimeout(reader.patience);
      reader.patience = undefined;
      if (this.#readers.has(reader)) this.#advance();
    });
  }

  #cutOff(reader: Reader): void {
    this.#remove(reader);
    reader.sink.overrun?.(this.#source.end - reader.cursor);
  }

  #remove(reader: Reader): boolean {
    clearTimeout(reader.patience);
    return this.#readers.delete(reader);
  }

  /** Where the bytes begin that somebody may still need. */
  #unneeded(): number {
    const { end, start, hasEnded } = this.#source;
    // No more will come, and who has lost its link meanwhile comes back for what it has not had.
    if (hasEnded) return start;
    const isLetGo = this.#options.whileUnread === "let go" && this.#expected === undefined;
    const read = isLetGo ? end : this.#furthest;
    const awaited = Math.min(read, this.#slowestAwaited() ?? read) - this.#retainedBytes;
    const followers = [...this.#readers].map(({ cursor }) => cursor);
    return Math.min(awaited, Math.max(Math.min(end, ...followers), end - FOLLOW_BYTES));
  }

  /** How far the source may go. */
  #limit(): number {
    const { end } = this.#source;
    const limits = this.#awaited().map(({ cursor }) => cursor + LAG_BYTES);
    for (const reader of this.#awaited()) if (end - reader.cursor >= LAG_BYTES) this.#losePatience(reader);
    if (this.#expected !== undefined) limits.push(this.#expected.cursor + EARLY_BYTES);
    if (this.#options.whileUnread === "wait" && this.#readers.size === 0)
      limits.push(this.#furthest + EARLY_BYTES);
    return limits.length === 0 ? end + EARLY_BYTES : Math.min(...limits);
  }

  #losePatience(reader: Reader): void {
    if (reader.patience !== undefined || this.#isUnconditional(reader)) return;
    reader.patience = setTimeout(() => {
      reader.isStalled = true;
      this.#advance();
    }, PATIENCE_MS);
  }

  /** Those for whom the source waits. */
  #awaited(): Reader[] {
    return [...this.#readers].filter((reader) => !reader.isStalled || this.#isUnconditional(reader));
  }

  #isUnconditional(reader: Reader): boolean {
    if (reader.kind === "record") return true;
    return (
      reader.kind === "hold" &&
      [...this.#readers].every((other) => other === reader || other.kind === "record")
    );
  }

  #slowestAwaited(): number | undefined {
    const places = this.#awaited().map(({ cursor }) => cursor);
    if (this.#expected !== undefined) places.push(this.#expected.cursor);
    return places.length === 0 ? undefined : Math.min(...places);
  }
}
