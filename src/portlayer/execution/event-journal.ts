import { z } from "zod";
import type { ContainerRecord } from "./container-record.ts";
import { type Row, StateDatabase } from "./state-database.ts";
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

/** What is kept. Docker keeps 256. */
const MOST_EVENTS = 8192;

/** What `vch` processes did to containers, in the order in which it was done. What guests report is in their logs. */
export class EventJournal {
  readonly #database: StateDatabase;

  /** @throws TetherError `state-not-writable`. */
  constructor(folder: StateFolder) {
    this.#database = StateDatabase.of(folder);
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
      this.#database.transaction(() => {
        for (const event of events)
          this.#database.run("INSERT INTO events (event) VALUES (?)", JSON.stringify(event));
        this.#database.run(
          "DELETE FROM events WHERE number <= (SELECT max(number) FROM events) - ?",
          MOST_EVENTS,
        );
      });
    } catch {
      // A full disk keeps nobody from ending a container.
    }
  }

  /** @returns gives, each time it is called, what has happened since the time before: all that is kept at first. */
  follow(): () => ContainerEvent[] {
    let last = 0;
    return () => {
      const rows = this.#database.all(
        "SELECT number, event FROM events WHERE number > ? ORDER BY number",
        last,
      );
      last = Number(rows.at(-1)?.["number"] ?? last);
      return rows.flatMap(parseEvent);
    };
  }

  /** Everything that is kept, oldest first. */
  read(): ContainerEvent[] {
    return this.follow()();
  }
}

function parseEvent({ event }: Row): ContainerEvent[] {
  try {
    return [eventSchema.parse(JSON.parse(String(event)))];
  } catch {
    // Of a journal from before there was a database, a line that a full disk has cut.
    return [];
  }
}
