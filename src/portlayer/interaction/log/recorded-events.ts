import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Event } from "../../../protocol/control-messages.ts";
import { LogDecoder } from "../../../protocol/log/index.ts";
import { type EventIndex, readEventIndex, sizeOfEvent, writeEventIndex } from "./event-index.ts";
import { rotatedNumbers } from "./log-files.ts";

/** What is read at once. */
const CHUNK_BYTES = 256 * 1024;

/** Enough of a file to know it by: the time of its first record, and the sum over that. */
const HEAD_BYTES = 48;

/** How much is read anew rather than written down: 2 ms. */
const INDEX_STEP_BYTES = 1024 * 1024;

/** A long look is written down on its way: whoever interrupts it need not begin again. */
const SAVE_STEP_BYTES = 64 * 1024 * 1024;

/**
 * How much is looked through at most: 4 s. Of a log in which more has come since the last look (which has no limit,
 * and nobody ever asked for its container), the newest.
 */
const MOST_BYTES = 2 * 1024 * 1024 * 1024;

/** What is kept of one run: some ten thousand events, the newest. */
const MOST_EVENT_BYTES = 1024 * 1024;

/**
 * The events of a container's latest run, those in rotated files too. The log is read on from where the last reader
 * left off (500 MB/s: output is passed over), with constant memory. Damages are passed over; a log that cannot be read
 * holds nothing.
 *
 * @param path of the file that is written.
 */
export function readRecordedEvents(path: string): readonly Event[] {
  return lookThrough(path, INDEX_STEP_BYTES);
}

/** Keeps the events of files that are about to be removed. */
export function indexEvents(path: string): void {
  lookThrough(path, 1);
}

function lookThrough(path: string, stepBytes: number): readonly Event[] {
  let files: readonly OpenFile[] = [];
  try {
    files = openFiles(path);
    return new EventSearch(path, files).run(stepBytes);
  } catch {
    // Whoever asks wants to know how a run ended: nothing is known.
    return [];
  } finally {
    for (const { descriptor } of files) closeSync(descriptor);
  }
}

interface OpenFile {
  readonly descriptor: number;
  readonly inode: bigint;
  readonly head: string;
  readonly size: number;
}

/** Oldest first. From the newest back: a rotation meanwhile shows a file twice, and misses none. */
function openFiles(path: string): OpenFile[] {
  const files: OpenFile[] = [];
  for (const name of [path, ...rotatedNumbers(path).map((number) => `${path}.${number}`)]) {
    const file = openFile(name);
    if (file === undefined) continue;
    if (files.some(({ inode }) => inode === file.inode)) closeSync(file.descriptor);
    else files.unshift(file);
  }
  return files;
}

function openFile(path: string): OpenFile | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch {
    // Renamed or removed this moment, or not made yet.
    return undefined;
  }
  const { ino, size } = fstatSync(descriptor, { bigint: true });
  const head = Buffer.alloc(HEAD_BYTES);
  const length = readSync(descriptor, head, 0, HEAD_BYTES, 0);
  return { descriptor, inode: ino, head: head.toString("hex", 0, length), size: Number(size) };
}

/** One look through a log, from where the index ends. Its positions count from there. */
class EventSearch {
  readonly #path: string;
  readonly #files: readonly OpenFile[];
  readonly #decoder = new LogDecoder(0, { passesOutput: true });
  readonly #events: Event[];
  #eventBytes: number;
  /** Index of the file that is read, and from where. */
  #file: number;
  #offset: number;
  #hasRead = 0;
  #saved = 0;

  constructor(path: string, files: readonly OpenFile[]) {
    const index = readEventIndex(path);
    const file = files.findIndex(({ head, size }) => head === index?.head && size >= index.offset);
    this.#path = path;
    this.#files = files;
    // When the file is not there any more, all that are there came after it.
    this.#events = [...(index?.events ?? [])];
    this.#eventBytes = this.#events.reduce((sum, event) => sum + sizeOfEvent(event), 0);
    this.#file = Math.max(0, file);
    this.#offset = file < 0 ? 0 : (index?.offset ?? 0);
  }

  /** @param stepBytes how much it takes to be worth writing down. */
  run(stepBytes: number): readonly Event[] {
    this.#skipTooMuch();
    for (; this.#file < this.#files.length; this.#file++, this.#offset = 0) {
      this.#readFile();
      if (this.#file + 1 === this.#files.length) break;
    }
    if (this.#hasRead - this.#saved >= stepBytes) this.#save();
    this.#take(this.#decoder.end());
    return this.#events;
  }

  #skipTooMuch(): void {
    const sizes = this.#files.slice(this.#file).map(({ size }) => size);
    let surplus = sizes.reduce((sum, size) => sum + size, -this.#offset - MOST_BYTES);
    while (surplus > 0) {
      const rest = (this.#files[this.#file]?.size ?? 0) - this.#offset;
      if (surplus < rest) {
        this.#offset += surplus;
        return;
      }
      surplus -= rest;
      this.#file += 1;
      this.#offset = 0;
    }
  }

  #readFile(): void {
    const file = this.#files[this.#file];
    if (file === undefined) return;
    while (this.#offset < file.size) {
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, file.size - this.#offset));
      const length = readSync(file.descriptor, chunk, 0, chunk.length, this.#offset);
      if (length === 0) break;
      this.#offset += length;
      this.#hasRead += length;
      this.#take(this.#decoder.push(chunk.subarray(0, length)));
      if (this.#hasRead - this.#saved >= SAVE_STEP_BYTES) this.#save();
    }
  }

  #take(records: ReturnType<LogDecoder["push"]>): void {
    for (const { record } of records) {
      if (record.runBegun) this.#forgetAll();
      // An agent that has taken over after a crash tells again what it may not have told.
      else if (record.event && (record.event.sequence ?? 0) > (this.#events.at(-1)?.sequence ?? -1))
        this.#add(record.event);
    }
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#eventBytes += sizeOfEvent(event);
    while (this.#eventBytes > MOST_EVENT_BYTES) this.#forgetOne();
  }

  /** The oldest; of execs, which may be many, first. */
  #forgetOne(): void {
    const ofExec = this.#events.findIndex(({ sessionId }) => Boolean(sessionId));
    const [forgotten] = this.#events.splice(Math.max(0, ofExec), 1);
    this.#eventBytes -= sizeOfEvent(forgotten ?? {});
  }

  #forgetAll(): void {
    this.#events.length = 0;
    this.#eventBytes = 0;
  }

  /** A record that has begun is read again: it may be completed. */
  #save(): void {
    let file = this.#file;
    let offset = this.#offset - this.#decoder.pendingBytes;
    const isNamed = (): boolean => (this.#files[file]?.head.length ?? 0) === 2 * HEAD_BYTES;
    while (file > 0 && (offset < 0 || !isNamed())) {
      file -= 1;
      offset = (this.#files[file]?.size ?? 0) + Math.min(0, offset);
    }
    if (offset < 0 || !isNamed()) return;
    const index: EventIndex = { head: this.#files[file]?.head ?? "", offset, events: this.#events };
    writeEventIndex(this.#path, index);
    this.#saved = this.#hasRead;
  }
}
