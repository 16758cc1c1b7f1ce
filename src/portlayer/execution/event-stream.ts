import { setTimeout as delay } from "node:timers/promises";
import type { Core } from "./core.ts";
import type { ContainerEvent } from "./event-journal.ts";
import { readGuestEvents } from "./guest-events.ts";

/** What has happened is told this much later at most. */
const POLL_MS = 200;

/** Which events are wanted. */
export interface EventRange {
  /** Milliseconds since 1970; undefined for only what is new. */
  readonly sinceMs: number | undefined;
  /** Undefined for as long as the signal lets. */
  readonly untilMs: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * What happens to containers: first what is kept of the past, in order, then what is new. The host's doings come
 * from the journal, the guests' from their logs.
 */
export async function* streamEvents(core: Core, range: EventRange): AsyncGenerator<ContainerEvent> {
  const { sinceMs = Date.now(), untilMs = Number.POSITIVE_INFINITY, signal } = range;
  const newInJournal = core.journal.follow();
  const told = new ToldEvents();
  const past = [...readGuests(core), ...newInJournal()].filter((event) => told.isNew(event));
  yield* past.filter(({ timeMs }) => timeMs >= sinceMs && timeMs <= untilMs).sort(byTime);
  while (!signal.aborted && Date.now() <= untilMs) {
    const pauseMs = Math.min(POLL_MS, Math.max(1, untilMs - Date.now()));
    await delay(pauseMs, undefined, { signal }).catch(() => {
      // The caller has heard enough; the loop's condition tells.
    });
    // Guests first: whoever removes a container writes in the journal what its guest has reported.
    const present = [...readGuests(core), ...newInJournal()].filter((event) => told.isNew(event));
    yield* present.filter(({ timeMs }) => timeMs <= untilMs).sort(byTime);
  }
}

function byTime(a: ContainerEvent, b: ContainerEvent): number {
  return a.timeMs - b.timeMs;
}

function readGuests({ containers }: Core): ContainerEvent[] {
  return containers.list().flatMap((record) => readGuestEvents(record, containers.folderOf(record.id)));
}

/**
 * A guest numbers its events from 1 in each run: each is told once, wherever it is found. An exec's end is told by its
 * guest and by its client, of which either may be gone before.
 */
class ToldEvents {
  /** The last number of each run of each container. */
  readonly #told = new Map<string, number>();
  readonly #endedExecs = new Set<string>();

  isNew(event: ContainerEvent): boolean {
    return this.#isNewOfGuest(event) && this.#isNewEnd(event);
  }

  #isNewEnd({ action, attributes: { execID } }: ContainerEvent): boolean {
    if (action !== "exec_die" || execID === undefined) return true;
    if (this.#endedExecs.has(execID)) return false;
    this.#endedExecs.add(execID);
    return true;
  }

  #isNewOfGuest({ id, guest }: ContainerEvent): boolean {
    if (guest === undefined) return true;
    const run = `${id} ${guest.run}`;
    if (guest.sequence <= (this.#told.get(run) ?? 0)) return false;
    this.#told.set(run, guest.sequence);
    return true;
  }
}
