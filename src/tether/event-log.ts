import { type Event, type EventBody, now } from "../protocol/control-messages.ts";

/** The latest are kept for whoever connects; of an exec's, which are many, the oldest go first. */
const MOST_EVENTS = 2048;

/**
 * Everything that happened, in order and numbered without a gap. Every listener gets every later event, in
 * order; a listener must not wait.
 */
export class EventLog {
  #events: Event[] = [];
  #sequence = 0;
  readonly #listeners = new Set<(event: Event) => void>();

  /** The events behind this sequence number that are still kept. */
  after(sequence: number): Event[] {
    return this.#events.filter((event) => (event.sequence ?? 0) > sequence);
  }

  /** Goes on with the events of an agent before this one. */
  resume(events: readonly Event[]): void {
    this.#events = [...events];
    this.#sequence = events.at(-1)?.sequence ?? 0;
  }

  /** @param sessionId the exec that it is about; empty for the main session. */
  record(body: EventBody, sessionId: string): void {
    this.#sequence += 1;
    const event: Event = { sequence: this.#sequence, time: now(), sessionId, ...body };
    this.#events.push(event);
    if (this.#events.length > MOST_EVENTS) this.#forgetOne();
    for (const listener of this.#listeners) listener(event);
  }

  /** @returns takes the listener away. */
  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #forgetOne(): void {
    const oldest = this.#events.findIndex(({ sessionId }) => sessionId !== "");
    this.#events.splice(Math.max(oldest, 0), 1);
  }
}
