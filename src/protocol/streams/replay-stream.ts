import { Readable } from "node:stream";
import { ReadableSource, type ReplaySource } from "./replay-source.ts";

/** One write to a client: eight SSH packets. Of 64 KiB each, a stream costs the guest a quarter more CPU time. */
const PIECE_BYTES = 256 * 1024;

/** One write to a record, which may be 10,000 lines: it takes them all in one turn of the event loop. */
const RECORD_PIECE_BYTES = 64 * 1024;

/** A reader that holds the source may lag behind by this much before the source has to wait for it. */
const LAG_BYTES = 512 * 1024;

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

/** Where a reader is expected (back), for whom the source waits meanwhile. */
interface Expectation {
  readonly cursor: number;
  readonly kind: ReaderKind;
  readonly limit: NodeJS.Timeout;
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
  readonly #expected = new Set<Expectation>();
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
    this.#expect(this.#furthest, "hold", limitMs);
  }

  /**
   * Reads from `offset` on. A new client starts at 0, and gets what is still kept; one that goes on and whose next
   * byte is gone has missed something, and is cut off.
   *
   * @returns stops reading; the sink is not called any more. A reader that holds the source and is lost is
   *   expected back for `returnLimitMs`, one that follows for as long as it may pause.
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
    if (kind === "hold") this.#expectNobody("hold");
    else if (kind === "follow" && offset > 0) this.#comesBack(offset);
    this.#readers.add(reader);
    this.#advance();
    return (departure = "left") => {
      if (!this.#remove(reader)) return;
      const limitMs = kind === "hold" ? returnLimitMs : Math.min(returnLimitMs, PATIENCE_MS);
      if (departure === "lost" && !reader.isStalled && limitMs > 0)
        this.#expect(reader.cursor, kind, limitMs);
      this.#advance();
    };
  }

  /** Takes what the source has by now, which its own news may only tell of later. */
  catchUp(): void {
    this.#source.catchUp?.();
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

  #expect(cursor: number, kind: ReaderKind, limitMs: number): void {
    if (this.#source.hasEnded) return;
    // Of those that hold the source only the last has lost its link: with others about, none holds it.
    if (kind === "hold") this.#expectNobody(kind);
    const limit = setTimeout(() => {
      this.#expected.delete(expectation);
      this.#advance();
    }, limitMs);
    const expectation: Expectation = { cursor, kind, limit };
    this.#expected.add(expectation);
  }

  #expectNobody(kind?: ReaderKind): void {
    for (const expectation of this.#expected) {
      if (kind === undefined || expectation.kind === kind) this.#fulfil(expectation);
    }
  }

  /** A follower goes on where one was that has lost its link: that one had been handed at least as much. */
  #comesBack(offset: number): void {
    const nearest = [...this.#expected]
      .filter(({ kind, cursor }) => kind === "follow" && cursor >= offset)
      .toSorted((one, other) => one.cursor - other.cursor)[0];
    if (nearest !== undefined) this.#fulfil(nearest);
  }

  #fulfil(expectation: Expectation): void {
    clearTimeout(expectation.limit);
    this.#expected.delete(expectation);
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
    const pieceBytes = reader.kind === "record" ? RECORD_PIECE_BYTES : PIECE_BYTES;
    const chunk = this.#source.read(reader.cursor, pieceBytes);
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
    const isLetGo = this.#options.whileUnread === "let go" && this.#expected.size === 0;
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
    for (const { cursor } of this.#expected) limits.push(cursor + EARLY_BYTES);
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
    for (const { cursor } of this.#expected) places.push(cursor);
    return places.length === 0 ? undefined : Math.min(...places);
  }
}
