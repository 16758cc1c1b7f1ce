import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { decodeMessage, encodeMessage, type Event } from "../protocol/control-messages.ts";
import { DelimitedDecoder } from "../protocol/length-delimited.ts";
import {
  type ContainerHandles,
  descriptorsOf,
  type SavedLife,
  type SavedSession,
  type SessionStore,
} from "../session/index.ts";
import { RUN_DIRECTORY } from "../init/index.ts";
import type { System } from "../system/system.ts";
import { SessionJournal } from "./session-journal.ts";

/** Where the state is: in memory, and outside the container's view. */
export const STATE_FOLDER = `${RUN_DIRECTORY}/tether/state`;

/**
 * Which files there are, and what is in them. Whoever changes that so that the agents before cannot go on with it,
 * or no longer reads what they have kept, counts up: an agent of one version is not upgraded to one of another.
 */
export const STATE_VERSION = 4;

/** Then the file of events is written anew with those that are still kept. */
const MOST_EVENT_BYTES = 1024 * 1024;

/** Up to where the main session's output has been logged. */
export interface LoggedOffsets {
  readonly output: number;
  readonly errorOutput: number;
  /** Size of the log's file then. */
  readonly fileBytes: number;
}

/** Of a process that is started anew. */
export const NOTHING_LOGGED: LoggedOffsets = { output: 0, errorOutput: 0, fileBytes: 0 };

/** The agents that took over since one was last ready. */
export interface Restarts {
  readonly count: number;
  /** How long ago the first of them began. */
  readonly forMs: number;
}

/** Before what is written over what was there: how long it is. */
const LENGTH_BYTES = 4;

const MOST_RESTARTS = 5;
const RESTARTS_LIMIT_MS = 30_000;

/** An agent that crashes before it serves its container, again and again and for so long, will not get better. */
export function isHopeless({ count, forMs }: Restarts): boolean {
  return count > MOST_RESTARTS && forMs > RESTARTS_LIMIT_MS;
}

/** Three numbers of 8 bytes. */
const LOGGED_BYTES = 24;

/**
 * What an agent that takes over after a crash goes on with: files in memory (a tmpfs, so that each is there from its
 * write on), and descriptors that stay open over execve(2). Made once the VM has its container.
 */
export class StateStore implements SessionStore {
  readonly #system: System;
  readonly #folder: string;
  #events: number;
  readonly #logged: number;
  readonly #life: number;
  readonly #sessions: SessionJournal;
  /** Descriptors of each session that have been kept. */
  readonly #kept = new Map<string, ReadonlySet<number>>();
  #eventBytes = 0;
  readonly #loggedOffsets = Buffer.alloc(LOGGED_BYTES);

  /** @param folder in memory, and outside the container's view. */
  constructor(system: System, folder: string) {
    this.#system = system;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#sessions = new SessionJournal(system, this.#path("sessions"));
    this.#events = openSync(this.#path("events"), "a", 0o600);
    this.#logged = openSync(this.#path("logged"), existsSync(this.#path("logged")) ? "r+" : "w+", 0o600);
    this.#life = openSync(this.#path("life"), existsSync(this.#path("life")) ? "r+" : "w+", 0o600);
    readFileSync(this.#path("logged")).copy(this.#loggedOffsets);
  }

  /** The configuration document; it holds the link's private key. */
  get document(): Uint8Array {
    return readFileSync(this.#path("configuration"));
  }

  saveDocument(document: Uint8Array): void {
    this.#write("configuration", document);
  }

  get container(): ContainerHandles {
    return deserialize(readFileSync(this.#path("container"))) as ContainerHandles;
  }

  /** Its descriptors stay open over a crash. */
  saveContainer(container: ContainerHandles): void {
    for (const descriptor of Object.values(container) as Array<number | undefined>)
      if (descriptor !== undefined) this.#system.keepDescriptor(descriptor);
    this.#write("container", serialize(container));
  }

  get life(): SavedLife {
    const content = readFileSync(this.#path("life"));
    return deserialize(content.subarray(LENGTH_BYTES, LENGTH_BYTES + content.readUInt32LE())) as SavedLife;
  }

  /** One call of the kernel: an exit's event waits for it. */
  saveLife(life: SavedLife): void {
    const length = Buffer.alloc(LENGTH_BYTES);
    const body = serialize(life);
    length.writeUInt32LE(body.length);
    const bytes = Buffer.concat([length, body]);
    this.#system.uninterrupted(() => void writeSync(this.#life, bytes, 0, bytes.length, 0));
  }

  /** The main session first: the container's life is its. */
  get sessions(): SavedSession[] {
    return this.#sessions.sessions;
  }

  save(session: SavedSession): void {
    const wanted = new Set(descriptorsOf(session.process));
    const before = this.#kept.get(session.id) ?? new Set();
    for (const descriptor of wanted) if (!before.has(descriptor)) this.#system.keepDescriptor(descriptor);
    this.#kept.set(session.id, wanted);
    this.#sessions.save(session);
  }

  forget(id: string): void {
    this.#kept.delete(id);
    this.#sessions.forget(id);
  }

  /** Every event that is kept, in order. */
  get events(): Event[] {
    const decoder = new DelimitedDecoder();
    const messages = [...decoder.push(readFileSync(this.#path("events")))].map(decodeMessage);
    return messages.flatMap(({ event }) => (event ? [event] : []));
  }

  /** @param kept every event that is still kept, when the file has become too large. */
  addEvent(event: Event, kept: () => readonly Event[]): void {
    const bytes = encodeMessage({ event });
    this.#system.uninterrupted(() => void writeSync(this.#events, bytes));
    this.#eventBytes += bytes.length;
    if (this.#eventBytes < MOST_EVENT_BYTES) return;
    this.#write("events", Buffer.concat(kept().map((each) => encodeMessage({ event: each }))));
    closeSync(this.#events);
    this.#events = openSync(this.#path("events"), "a", 0o600);
    this.#eventBytes = 0;
  }

  get logged(): LoggedOffsets {
    return {
      output: this.#loggedOffsets.readDoubleLE(0),
      errorOutput: this.#loggedOffsets.readDoubleLE(8),
      fileBytes: this.#loggedOffsets.readDoubleLE(16),
    };
  }

  saveLogged({ output, errorOutput, fileBytes }: LoggedOffsets): void {
    this.#loggedOffsets.writeDoubleLE(output, 0);
    this.#loggedOffsets.writeDoubleLE(errorOutput, 8);
    this.#loggedOffsets.writeDoubleLE(fileBytes, 16);
    this.#system.uninterrupted(() => void writeSync(this.#logged, this.#loggedOffsets, 0, LOGGED_BYTES, 0));
  }

  /**
   * Closes what an agent before this one has kept open and not noted, or noted and not closed.
   *
   * @param sessions those that go on.
   * @param others what somebody else has noted.
   */
  closeForgotten(sessions: readonly SavedSession[], others: readonly number[]): void {
    const known = new Set([
      ...others,
      ...(Object.values(this.container) as Array<number | undefined>),
      ...sessions.flatMap(({ process }) => descriptorsOf(process)),
    ]);
    for (const name of readdirSync("/proc/self/fd")) {
      const descriptor = Number(name);
      if (descriptor > LAST_STANDARD_DESCRIPTOR && !known.has(descriptor) && outlivesExecution(descriptor))
        closeSync(descriptor);
    }
  }

  /** Notes that an agent takes over. */
  beginRestart(): Restarts {
    const file = this.#path("restarts");
    const now = Number(process.hrtime.bigint() / 1_000_000n);
    const { count, since } = existsSync(file)
      ? (deserialize(readFileSync(file)) as { count: number; since: number })
      : { count: 0, since: now };
    this.#write("restarts", serialize({ count: count + 1, since }));
    return { count: count + 1, forMs: now - since };
  }

  /** An agent that has taken over serves the container again. */
  ready(): void {
    rmSync(this.#path("restarts"), { force: true });
  }

  close(): void {
    closeSync(this.#events);
    closeSync(this.#logged);
    closeSync(this.#life);
    this.#sessions.close();
  }

  /** Whoever reads finds the old content or the new. */
  #write(name: string, content: Uint8Array): void {
    const path = this.#path(name);
    writeFileSync(`${path}${TEMPORARY}`, content, { mode: 0o600 });
    renameSync(`${path}${TEMPORARY}`, path);
  }

  #path(...names: string[]): string {
    return join(this.#folder, ...names);
  }
}

const TEMPORARY = ".new";

const LAST_STANDARD_DESCRIPTOR = 2;

/** fcntl(2); Node's constants lack it. */
const O_CLOEXEC = 0o2000000;

/** @returns false for one that has been closed meanwhile: the folder itself is read through one. */
function outlivesExecution(descriptor: number): boolean {
  const path = `/proc/self/fdinfo/${descriptor}`;
  if (!existsSync(path)) return false;
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(path, "latin1"))?.[1] ?? "";
  return (Number.parseInt(flags, 8) & O_CLOEXEC) === 0;
}
