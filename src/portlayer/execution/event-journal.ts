import { appendFileSync, closeSync, fstatSync, openSync, readFileSync, readSync, renameSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ContainerRecord } from "./container-record.ts";
import type { StateFolder } from "./state-folder.ts";

/** What else than containers something can happen to. */
export const OTHER_SUBJECTS = ["image", "volume"] as const;
export type OtherSubject = (typeof OTHER_SUBJECTS)[number];

/**
 * What happened to a container, in Docker's words: those of the host's own doing, and those of its guest. Or to an image or
 * a volume: its id, or its name, is both `id` and `name` then, and it has no image.
 */
export interface ContainerEvent {
  /** Undefined: a container. */
  readonly subject?: OtherSubject | undefined;
  /** Milliseconds since 1970; with a fraction. */
  readonly timeMs: number;
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of what a guest reported: when its run began, and the event's number in it. */
  readonly guest?: { readonly run: string; readonly sequence: number } | undefined;
}

const eventSchema = z.object({
  subject: z.enum(OTHER_SUBJECTS).optional(),
  timeMs: z.number(),
  action: z.string(),
  id: z.string(),
  name: z.string(),
  image: z.string(),
  attributes: z.record(z.string(), z.string()),
  guest: z.object({ run: z.string(), sequence: z.number() }).optional(),
});

const JOURNAL = "events.jsonl";

/** Some 4,000 events; the file before is kept too. Docker keeps 256. */
const MAX_BYTES = 1024 * 1024;

/**
 * What `vch` processes did to containers, one line each, appended whole (a write of one line to a file that is open
 * for appending is not torn by another's). What guests report is in their logs.
 */
export class EventJournal {
  readonly path: string;

  constructor(folder: StateFolder) {
    this.path = join(folder.root, JOURNAL);
  }

  /** Writes down that something was done to a container. Never fails: what was done, was done. */
  add(
    action: string,
    { id, name, image, settings }: ContainerRecord,
    attributes: Record<string, string> = {},
  ): void {
    this.keep([
      { timeMs: Date.now(), action, id, name, image, attributes: { ...settings?.labels, ...attributes } },
    ]);
  }

  /** Writes down that something was done to an image or a volume. Never fails, either. */
  addOther(
    subject: OtherSubject,
    action: string,
    id: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void {
    this.keep([{ timeMs: Date.now(), subject, action, id, name: id, image: "", attributes }]);
  }

  /** Keeps events of a container that is being removed. */
  keep(events: readonly ContainerEvent[]): void {
    if (events.length === 0) return;
    try {
      const lines = events.map((event) => `${JSON.stringify(event)}\n`);
      appendFileSync(this.path, lines.join(""), { mode: 0o600 });
      this.#rotate();
    } catch {
      // A full disk keeps nobody from ending a container.
    }
  }

  /** Everything that is kept, oldest first. */
  read(): ContainerEvent[] {
    return [`${this.path}.1`, this.path].flatMap((path) => {
      try {
        return parseEvents(readFileSync(path, "utf8"));
      } catch {
        // Nothing has been written yet.
        return [];
      }
    });
  }

  /** @returns gives, each time it is called, the events since the time before. */
  follow(): () => ContainerEvent[] {
    let { inode, size } = this.#identify();
    return () => {
      const present = this.#identify();
      // A new file has taken the old one's place.
      if (present.inode !== inode) size = 0;
      inode = present.inode;
      if (present.size <= size) return [];
      const text = readFrom(this.path, size, present.size - size);
      const whole = text.lastIndexOf("\n") + 1;
      size += Buffer.byteLength(text.slice(0, whole));
      return parseEvents(text.slice(0, whole));
    };
  }

  #rotate(): void {
    if (this.#identify().size > MAX_BYTES) renameSync(this.path, `${this.path}.1`);
  }

  #identify(): { inode: number; size: number } {
    let descriptor: number;
    try {
      descriptor = openSync(this.path, "r");
    } catch {
      // Nothing has been written yet.
      return { inode: 0, size: 0 };
    }
    try {
      const { ino, size } = fstatSync(descriptor);
      return { inode: ino, size };
    } finally {
      closeSync(descriptor);
    }
  }
}

function readFrom(path: string, offset: number, length: number): string {
  const descriptor = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(descriptor, buffer, 0, length, offset)).toString("utf8");
  } finally {
    closeSync(descriptor);
  }
}

function parseEvents(text: string): ContainerEvent[] {
  return text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [eventSchema.parse(JSON.parse(line))];
    } catch {
      // A line that a full disk has cut.
      return [];
    }
  });
}
