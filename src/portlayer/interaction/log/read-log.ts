import { LogDecoder, type PlacedRecord } from "../../../protocol/log/index.ts";
import { findTail } from "./find-tail.ts";
import { FolderWatch } from "./folder-watch.ts";
import { Repetitions } from "./repetitions.ts";
import { compareTimes, type LogEntry, type LogTime, toLogEntry } from "./log-entry.ts";
import { LogFiles } from "./log-files.ts";

/** Which part of a log is read. */
export interface ReadLogOptions {
  /** Only the last lines; of both streams together. */
  readonly tail?: number;
  readonly since?: LogTime;
  /** Reading ends with the first entry behind it. */
  readonly until?: LogTime;
  /** Goes on with what is written later. */
  readonly follow?: FollowOptions;
  /** Ends the reading at once. */
  readonly signal?: AbortSignal;
}

/** When a log that is followed ends. */
export interface FollowOptions {
  /** Aborted when the container has ended: what is there then is read, and no more. */
  readonly ended: AbortSignal;
  /** The main process's end is the end, when no other run has begun since. Not so where it may be started again. */
  readonly endsWithExit: boolean;
}

/** What is read at once. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Reads a container's log, its rotated files first. Holds one chunk and its records, however large or damaged the
 * files are; damages are passed over.
 *
 * @param path of the file that is written.
 * @throws the reason of `signal`; system errors other than a missing file.
 */
export async function* readLog(
  path: string,
  options: ReadLogOptions = {},
): AsyncGenerator<LogEntry, void, undefined> {
  for await (const entries of readLogBatches(path, options)) yield* entries;
}

/** As readLog, but gives together what was read together: short lines come half again as fast. */
export async function* readLogBatches(
  path: string,
  options: ReadLogOptions = {},
): AsyncGenerator<readonly LogEntry[], void, undefined> {
  // Watched before it is read, so that no change falls in between.
  using watch = options.follow === undefined ? undefined : new FolderWatch(path);
  const files = await LogFiles.open(path);
  try {
    for await (const entries of new LogReading(files, options, watch).batches())
      if (entries.length > 0) yield entries;
  } finally {
    await files.close();
  }
}

/** One reading, from its first entry to its last. */
class LogReading {
  readonly #files: LogFiles;
  readonly #options: ReadLogOptions;
  readonly #watch: FolderWatch | undefined;
  /** Streams whose records still belong to lines that began before the tail; up to #oldEnd. */
  readonly #cutLines = new Set<"stdout" | "stderr">();
  #oldEnd = 0;
  readonly #repetitions = new Repetitions();
  #isRunOver = false;
  #isPastUntil = false;

  constructor(files: LogFiles, options: ReadLogOptions, watch: FolderWatch | undefined) {
    this.#files = files;
    this.#options = options;
    this.#watch = watch;
  }

  async *batches(): AsyncGenerator<readonly LogEntry[], void, undefined> {
    // Without following, what is there at the beginning: a process that prints faster than it is read has no end.
    const size = await this.#files.size();
    const limit = this.#options.follow === undefined ? size : Number.POSITIVE_INFINITY;
    let position = await this.#start(size);
    const decoder = new LogDecoder(position);
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const hadEnded = this.#options.follow?.ended.aborted ?? true;
      if (position >= limit) break;
      const chunk = await this.#files.read(position, Math.min(CHUNK_BYTES, limit - position));
      if (chunk !== undefined) {
        position += chunk.length;
        yield this.#select(decoder.push(chunk));
        if (this.#isPastUntil) return;
      } else if (!(await this.#files.advance(position))) {
        if (hadEnded || this.#endsHere()) break;
        await this.#wait();
      }
    }
    yield this.#select(decoder.end());
  }

  async #start(size: number): Promise<number> {
    const { tail } = this.#options;
    if (tail === undefined) return 0;
    this.#oldEnd = size;
    const start = await findTail(this.#files, tail, size);
    if (start > 0) for (const stream of ["stdout", "stderr"] as const) this.#cutLines.add(stream);
    return start;
  }

  #select(records: Iterable<PlacedRecord>): LogEntry[] {
    const { since, until } = this.#options;
    const selected: LogEntry[] = [];
    for (const { record: written, start } of records) {
      const record = this.#repetitions.leaveOut(written);
      const entry = record === undefined ? undefined : toLogEntry(record);
      if (entry === undefined) continue;
      this.#observe(entry);
      if (this.#isOfCutLine(entry, start)) continue;
      if (since !== undefined && compareTimes(entry.time, since) < 0) continue;
      if (until !== undefined && compareTimes(entry.time, until) > 0) {
        this.#isPastUntil = true;
        break;
      }
      selected.push(entry);
    }
    return selected;
  }

  #isOfCutLine(entry: LogEntry, start: number): boolean {
    if (entry.kind !== "output" || !this.#cutLines.has(entry.stream)) return false;
    if (!entry.isLineStart && start < this.#oldEnd) return true;
    this.#cutLines.delete(entry.stream);
    return false;
  }

  #observe(entry: LogEntry): void {
    if (entry.kind === "run-begun") this.#isRunOver = false;
    if (entry.kind !== "event" || entry.event.sessionId) return;
    if (entry.event.exited || entry.event.failed) this.#isRunOver = true;
    if (entry.event.started || entry.event.restarting) this.#isRunOver = false;
  }

  #endsHere(): boolean {
    return this.#isRunOver && this.#options.follow?.endsWithExit === true;
  }

  async #wait(): Promise<void> {
    const { follow, signal } = this.#options;
    await this.#watch?.changed([follow?.ended, signal].filter((each) => each !== undefined));
  }
}
