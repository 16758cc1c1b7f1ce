import type { Event, LogRecord } from "../protocol/control-messages.ts";
import {
  encodeLogRecord,
  encodeTime,
  MAX_OUTPUT_OVERHEAD,
  type OutputPart,
  writeOutputRecord,
} from "../protocol/log/index.ts";
import type { StreamSink } from "../protocol/streams/index.ts";
import { type EncodedRecord, LogBacklog } from "./log-backlog.ts";
import { LogBatch } from "./log-batch.ts";
import { LogClock } from "./log-clock.ts";
import { type ArrivedOutput, nextPart, passPart } from "./log-output.ts";
import type { LogPort } from "./log-port.ts";

/** What the container's configuration says of its log. */
export interface LogWriterOptions {
  /** Size of the host's file at which output waits for `rotated`; 0: without limit. */
  readonly maxBytes: number;
  /** Output is not logged; events are. */
  readonly isDisabled: boolean;
  /** Size of the file before this writer wrote to it. */
  readonly writtenBytes: number;
}

/** For tests. */
export interface LogWriterComponents {
  readonly port: Pick<LogPort, "write">;
  readonly clock?: LogClock;
  /** How long the port may take for one write before the container goes on without it. */
  readonly stallMs?: number;
}

/** A busy disk takes seconds; what does not move for longer is full, or gone. */
const STALL_MS = 10_000;

/** Events go on in a full log up to this much: some thousand. The main process's exits always do. */
const EVENT_RESERVE_BYTES = 256 * 1024;

/** What waits for the port, in order. */
type Item =
  | { readonly kind: "output"; readonly output: ArrivedOutput }
  | { readonly kind: "record"; readonly record: EncodedRecord; readonly limit: Limit };

/** Which limit of the file's size is for a record. */
type Limit = "output" | "event" | "none" | "exit";

/**
 * Writes the log: every byte of the main session's output and every event, in order, as it comes. What arrives while
 * the port is busy goes with its next write.
 *
 * The port is all that the container's process ever waits for. When the file is full, or the host takes nothing, the
 * process goes on: the newest output is kept for later, and of the older it is told how much there was.
 */
export class LogWriter {
  readonly #port: Pick<LogPort, "write">;
  readonly #clock: LogClock;
  readonly #stallMs: number;
  #maxBytes = Number.POSITIVE_INFINITY;
  #isDisabled = false;
  readonly #batch = new LogBatch();
  readonly #backlog = new LogBacklog();
  #queue: Item[] = [];
  /** Whoever waits for the write under way. */
  #waiting: Array<() => void> = [];
  #flushes: Array<() => void> = [];
  #writtenBytes = 0;
  #isBusy = false;
  #isFull = false;
  #isStalled = false;
  #isBroken = false;
  /** The backlog was written behind a full file's end; once for each file. */
  #hasOverrun = false;

  /** Without options there is no limit: what comes before the configuration is little. */
  constructor({ port, clock, stallMs }: LogWriterComponents, options?: LogWriterOptions) {
    this.#port = port;
    this.#clock = clock ?? new LogClock();
    this.#stallMs = stallMs ?? STALL_MS;
    if (options !== undefined) this.configure(options);
  }

  /** For a writer that was needed before the configuration was there. */
  configure({ maxBytes, isDisabled, writtenBytes }: LogWriterOptions): void {
    this.#writtenBytes += writtenBytes;
    this.#maxBytes = maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes;
    this.#isDisabled = isDisabled;
  }

  /**
   * A reader of the main session's stream. A process that is started again has another.
   *
   * @param offset where the reading begins: an agent before this one may have logged what comes before.
   * @param logged is told up to where the port has everything.
   */
  output(
    name: "stdout" | "stderr",
    offset: number = 0,
    logged: (offset: number) => void = () => {},
  ): StreamSink {
    const stream = { name, isWithinLine: false };
    let next = offset;
    return {
      write: (chunk, done) => {
        const begin = next;
        next += chunk.length;
        const end = next;
        const noted = (): void => {
          logged(end);
          done();
        };
        if (this.#isDisabled || this.#isBroken || chunk.length === 0) noted();
        else
          this.#addOutput({
            stream,
            chunk,
            offset: begin,
            cursor: 0,
            time: encodeTime(this.#clock.now()),
            done: noted,
          });
      },
      end: () => {},
    };
  }

  /** Records an event behind all output that has arrived. Never waits, never fails. */
  record(event: Event): void {
    const isExit = !event.sessionId && (event.exited ?? event.failed) !== undefined;
    this.#add(this.#encode({ event }), isExit ? "exit" : "event");
  }

  /** Resolves when the port has taken everything, or takes nothing any more. */
  flush(): Promise<void> {
    if (!this.#isBusy || this.#isStalled || this.#isBroken) return Promise.resolve();
    return new Promise((resolve) => this.#flushes.push(resolve));
  }

  /** Size of the host's file, as far as it is known here. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The host has begun a new file. @param writtenBytes its size. */
  rotated(writtenBytes: number): void {
    this.#writtenBytes = writtenBytes;
    this.#isFull = false;
    this.#hasOverrun = false;
    if (!this.#isStalled) this.#release("output");
    this.#pump();
  }

  #addOutput(output: ArrivedOutput): void {
    this.#queue.push({ kind: "output", output });
    if (this.#isStalled) this.#setAside();
    else this.#pump();
  }

  #add(bytes: Uint8Array, limit: Limit): void {
    if (this.#isBroken) return;
    this.#queue.push({ kind: "record", record: { bytes, outputBytes: 0 }, limit });
    if (this.#isStalled) this.#setAside();
    else this.#pump();
  }

  #encode(record: LogRecord): Uint8Array {
    return encodeLogRecord({ ...record, time: record.event?.time ?? this.#clock.now() });
  }

  /** Hands the next batch to the port; sources that need not wait for it may add to the queue meanwhile. */
  #pump(): void {
    if (this.#isBusy || this.#isBroken) return;
    this.#isBusy = true;
    const taken = this.#fill();
    if (this.#batch.length > 0) {
      this.#write(taken);
    } else if (taken.length > 0) {
      this.#waiting = taken;
      // A turn of its own for each: a process that prints without a pause would leave none to anybody else.
      setImmediate(() => {
        this.#letGo();
        this.#isBusy = false;
        this.#pump();
      });
    } else {
      this.#isBusy = false;
      this.#endFlushes();
    }
  }

  #write(taken: Array<() => void>): void {
    this.#waiting = taken;
    const stall = setTimeout(() => this.#stall(), this.#stallMs);
    this.#port.write(this.#batch.blocks, (error) => {
      clearTimeout(stall);
      this.#batch.clear();
      if (error !== undefined) this.#break();
      this.#goOn();
      this.#letGo();
      this.#isBusy = false;
      this.#pump();
    });
  }

  /** Fills the batch. @returns whoever's output is now in the batch, or set aside. */
  #fill(): Array<() => void> {
    const taken: Array<() => void> = [];
    for (let item = this.#queue[0]; item !== undefined; item = this.#queue[0]) {
      if (item.kind === "output") {
        if (!this.#fillOutput(item.output)) break;
        taken.push(item.output.done);
        this.#queue.shift();
      } else if (item.limit === "exit" && this.#mayOverrun()) {
        this.#hasOverrun = true;
        this.#release("none");
      } else {
        if (!this.#fillRecord(item.record, item.limit)) break;
        this.#queue.shift();
      }
    }
    return taken;
  }

  /** @returns false when the batch has no room for all of it. */
  #fillOutput(output: ArrivedOutput): boolean {
    for (;;) {
      const part = nextPart(output);
      const maxBytes = part.end - part.start + MAX_OUTPUT_OVERHEAD;
      this.#isFull ||= this.#writtenBytes + maxBytes > this.#maxBytes;
      if (this.#isFull) this.#backlog.add(encodeAlone(part));
      else if (!this.#batchAdd(maxBytes, (target, offset) => writeOutputRecord(target, offset, part)))
        return false;
      if (passPart(output, part)) return true;
    }
  }

  /** @returns false when the batch has no room for it. */
  #fillRecord(record: EncodedRecord, limit: Limit): boolean {
    const { bytes } = record;
    const size = this.#writtenBytes + bytes.length;
    if (limit === "output") {
      this.#isFull ||= size > this.#maxBytes;
      if (this.#isFull) {
        this.#backlog.add(record);
        return true;
      }
    }
    if (limit === "event" && size > this.#maxBytes + EVENT_RESERVE_BYTES) return true;
    return this.#batchAdd(bytes.length, (target, offset) => {
      target.set(bytes, offset);
      return offset + bytes.length;
    });
  }

  #batchAdd(maxBytes: number, write: (target: Buffer, offset: number) => number): boolean {
    const before = this.#batch.length;
    const isAdded = this.#batch.add(maxBytes, write);
    this.#writtenBytes += this.#batch.length - before;
    return isAdded;
  }

  /** The end of a run is shown with the last that it printed, though the file is full. */
  #mayOverrun(): boolean {
    return this.#isFull && !this.#hasOverrun && !this.#backlog.isEmpty;
  }

  /** Puts what was set aside before all that waits, and how much is missing before that. */
  #release(limit: "output" | "none"): void {
    if (this.#backlog.isEmpty) return;
    const { lostBytes, records } = this.#backlog.take();
    const dropped =
      lostBytes === 0 ? [] : [{ bytes: this.#encode({ dropped: { bytes: lostBytes } }), outputBytes: 0 }];
    this.#queue = [
      ...dropped.map((record): Item => ({ kind: "record", record, limit: "none" })),
      ...records.map(
        (record): Item => ({ kind: "record", record, limit: record.outputBytes > 0 ? limit : "event" }),
      ),
      ...this.#queue,
    ];
  }

  /** The host takes nothing: its disk is full, or hangs. */
  #stall(): void {
    this.#isStalled = true;
    this.#setAside();
    this.#letGo();
    this.#endFlushes();
  }

  #setAside(): void {
    const items = this.#queue;
    this.#queue = [];
    for (const item of items) {
      if (item.kind === "record") {
        this.#backlog.add(item.record);
        continue;
      }
      for (let isPassed = false; !isPassed; ) {
        const part = nextPart(item.output);
        this.#backlog.add(encodeAlone(part));
        isPassed = passPart(item.output, part);
      }
      item.output.done();
    }
  }

  #goOn(): void {
    if (!this.#isStalled) return;
    this.#isStalled = false;
    this.#release("output");
  }

  /** The port is gone, and the log with it. Nobody waits for it any more; the container goes on. */
  #break(): void {
    this.#isBroken = true;
    const items = this.#queue;
    this.#queue = [];
    for (const item of items) if (item.kind === "output") item.output.done();
    this.#endFlushes();
  }

  #letGo(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }

  #endFlushes(): void {
    for (const resolve of this.#flushes.splice(0)) resolve();
  }
}

function encodeAlone(part: OutputPart): EncodedRecord {
  const outputBytes = part.end - part.start;
  const bytes = Buffer.allocUnsafe(outputBytes + MAX_OUTPUT_OVERHEAD);
  return { bytes: bytes.subarray(0, writeOutputRecord(bytes, 0, part)), outputBytes };
}
