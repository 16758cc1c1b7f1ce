import { type Event, now } from "../protocol/control-messages.ts";
import type { TetherError } from "../protocol/errors/index.ts";
import type { Exit } from "../session/index.ts";

/** The three things that a container VM reports; later issues add more. */
type EventBody = Pick<Event, "started" | "exited" | "failed">;

/**
 * Everything that happened, in order and numbered without a gap. Every listener gets every later event, in
 * order; a listener must not wait.
 */
export class EventLog {
  readonly #events: Event[] = [];
  readonly #listeners = new Set<(event: Event) => void>();

  get events(): readonly Event[] {
    return this.#events;
  }

  started(pid: number): void {
    this.#record({ started: { pid } });
  }

  exited(exit: Exit): void {
    this.#record({ exited: { ...exit } });
  }

  failed(error: TetherError): void {
    this.#record({ failed: { error: { code: error.code, message: error.message } } });
  }

  /** @returns takes the listener away. */
  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #record(body: EventBody): void {
    const event: Event = { sequence: this.#events.length + 1, time: now(), ...body };
    this.#events.push(event);
    for (const listener of this.#listeners) listener(event);
  }
}
