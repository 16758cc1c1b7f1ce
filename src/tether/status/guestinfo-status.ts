import { STATUS_KEY } from "../../protocol/guestinfo/index.ts";
import type { GuestInfo } from "../guestinfo/index.ts";
import type { StatusSink } from "./container-status.ts";
import { copiesOf, type StatusRecord } from "./status-record.ts";

/** A key that has lost its value: an empty one cannot be set. */
const NOTHING = " ";

/**
 * Writes records into guestinfo, one key at a time and off the main path: a host that is slow holds up nothing but the
 * keys. The whole record goes first and in one key, so that its reader never mixes two exits; then the copies that
 * have changed. A newer record overtakes: what waits is never more than one.
 */
export class GuestinfoStatus implements StatusSink {
  readonly #guestinfo: Pick<GuestInfo, "set">;
  readonly #report: (message: string) => void;
  readonly #written = new Map<string, string>();
  #next: StatusRecord | undefined;
  #work: Promise<void> | undefined;
  #hasFailed = false;

  /** @param report told once when the host refuses, and once more after it has taken something again. */
  constructor(guestinfo: Pick<GuestInfo, "set">, report: (message: string) => void) {
    this.#guestinfo = guestinfo;
    this.#report = report;
  }

  publish(record: StatusRecord): void {
    this.#next = record;
    this.#work ??= this.#writeAll().finally(() => {
      this.#work = undefined;
    });
  }

  /** Waits until everything is written, at most for so long: a host that does not answer must not keep the VM on. */
  async flush(limitMs: number): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    const over = Promise.withResolvers<void>();
    const limit = setTimeout(() => {
      this.#report(`the host has not taken the status in ${limitMs} ms`);
      over.resolve();
    }, limitMs);
    await Promise.race([work, over.promise]);
    clearTimeout(limit);
  }

  async #writeAll(): Promise<void> {
    for (let record = this.#take(); record !== undefined; record = this.#take()) await this.#write(record);
  }

  #take(): StatusRecord | undefined {
    const record = this.#next;
    this.#next = undefined;
    return record;
  }

  async #write(record: StatusRecord): Promise<void> {
    try {
      await this.#set(STATUS_KEY, JSON.stringify(record));
      for (const [name, value] of this.#copies(record)) {
        // The copies of what has been overtaken nobody needs.
        if (this.#next !== undefined) return;
        await this.#set(`${STATUS_KEY}.${name}`, value);
      }
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#report(error instanceof Error ? error.message : String(error));
      this.#hasFailed = true;
    }
  }

  /** Also those that have no value (any more): guestinfo outlives a restart of the VM's. */
  #copies(record: StatusRecord): Map<string, string> {
    const copies = new Map<string, string>();
    const prefix = `${STATUS_KEY}.`;
    for (const key of this.#written.keys())
      if (key.startsWith(prefix)) copies.set(key.slice(prefix.length), NOTHING);
    for (const [name, value] of copiesOf(record)) copies.set(name, value || NOTHING);
    return copies;
  }

  async #set(key: string, value: string): Promise<void> {
    if (this.#written.get(key) === value) return;
    // What a write that fails has left behind is not known.
    this.#written.delete(key);
    await this.#guestinfo.set(key, value);
    this.#written.set(key, value);
  }
}
