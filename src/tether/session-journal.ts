import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { deserialize, serialize } from "node:v8";
import { MAIN_SESSION, type SavedSession } from "../session/index.ts";
import type { System } from "../system/system.ts";

/** Then the file is written anew with what is still known. */
const MOST_BYTES = 1024 * 1024;

/** Before each entry: its length. */
const HEADER_BYTES = 4;

/** What an entry says of a session: the properties that have changed, all of them at first; without any: forgotten. */
interface JournalEntry {
  readonly id: string;
  readonly change?: Partial<SavedSession>;
}

/**
 * The sessions that an agent keeps for one that takes over: a file to which each change is added with one write(2). A
 * session changes seven times in the short life of an exec, and a file for each would cost four calls of the kernel
 * each time.
 */
export class SessionJournal {
  readonly #system: System;
  readonly #path: string;
  readonly #sessions = new Map<string, SavedSession>();
  #file: number;
  #bytes = 0;

  /** @param path is made when it is missing, and read else. */
  constructor(system: System, path: string) {
    this.#system = system;
    this.#path = path;
    if (existsSync(path)) this.#read();
    this.#file = openSync(path, "a", 0o600);
  }

  /** The main session first: the container's life is its. */
  get sessions(): SavedSession[] {
    const all = [...this.#sessions.values()];
    return [...all.filter(({ id }) => id === MAIN_SESSION), ...all.filter(({ id }) => id !== MAIN_SESSION)];
  }

  /** Once it returns a crash does not lose it. */
  save(session: SavedSession): void {
    const before = this.#sessions.get(session.id);
    this.#sessions.set(session.id, session);
    this.#add({ id: session.id, change: before === undefined ? session : difference(before, session) });
  }

  forget(id: string): void {
    if (this.#sessions.delete(id)) this.#add({ id });
  }

  close(): void {
    closeSync(this.#file);
  }

  #add(entry: JournalEntry): void {
    const bytes = encode(entry);
    this.#system.uninterrupted(() => void writeSync(this.#file, bytes));
    this.#bytes += bytes.length;
    if (this.#bytes >= MOST_BYTES) this.#rewrite();
  }

  /** Whoever reads finds the old file or the new. */
  #rewrite(): void {
    const entries = [...this.#sessions.values()].map((session) =>
      encode({ id: session.id, change: session }),
    );
    const temporary = `${this.#path}.new`;
    writeFileSync(temporary, Buffer.concat(entries), { mode: 0o600 });
    renameSync(temporary, this.#path);
    closeSync(this.#file);
    this.#file = openSync(this.#path, "a", 0o600);
    this.#bytes = 0;
  }

  /** What a crash has cut is left out. */
  #read(): void {
    const content = readFileSync(this.#path);
    for (;;) {
      const start = this.#bytes + HEADER_BYTES;
      const end =
        start <= content.length ? start + content.readUInt32LE(this.#bytes) : Number.POSITIVE_INFINITY;
      if (end > content.length) break;
      this.#apply(deserialize(content.subarray(start, end)) as JournalEntry);
      this.#bytes = end;
    }
    truncateSync(this.#path, this.#bytes);
  }

  #apply({ id, change }: JournalEntry): void {
    if (change === undefined) this.#sessions.delete(id);
    else this.#sessions.set(id, { ...this.#sessions.get(id), ...change } as SavedSession);
  }
}

function encode(entry: JournalEntry): Buffer {
  const body = serialize(entry);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(body.length);
  return Buffer.concat([header, body]);
}

function difference(before: SavedSession, after: SavedSession): Partial<SavedSession> {
  const names = Object.keys(after) as Array<keyof SavedSession>;
  return Object.fromEntries(
    names.filter((name) => after[name] !== before[name]).map((name) => [name, after[name]]),
  );
}
