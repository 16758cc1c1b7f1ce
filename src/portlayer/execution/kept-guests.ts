import type { GuestConnection } from "../interaction/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { GuestAccess } from "./guest-access.ts";

/** Long enough for whoever asks again and again; a port that is in use takes 0.8 MB of its guest. */
const KEEP_MS = 10_000;

/** Whoever has used a connection waits for its end in several ways, and is remembered as long as it lasts. */
const MOST_AGE_MS = 60_000;

/** Of all containers: each has a socket, and QEMU's watch another one. */
const MOST_KEPT = 64;

interface Kept {
  readonly access: GuestAccess;
  readonly record: ContainerRecord;
  readonly timer: NodeJS.Timeout;
}

/**
 * Connections to guests that were in use a moment ago, one for each container, for whoever comes next: a new one is a
 * port that is plugged and an SSH handshake, 150 to 300 ms under TCG. Who takes one has it alone, as if it were new.
 */
export class KeptGuests implements AsyncDisposable {
  readonly #isKeeping: boolean;
  readonly #kept = new Map<string, Kept>();
  readonly #opened = new WeakMap<GuestConnection, number>();
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  /** @param isKeeping false for a process that is about to end: it closes what is given back. */
  constructor(isKeeping: boolean) {
    this.#isKeeping = isKeeping;
  }

  /** A connection to the container's machine that is open; undefined: there is none. The caller gives it back, or closes it. */
  take({ id, machine }: ContainerRecord): GuestAccess | undefined {
    const kept = this.#kept.get(id);
    if (kept === undefined) return undefined;
    this.#forget(kept);
    const { access, record } = kept;
    if (!access.connection.isClosed && isSame(record.machine, machine)) return access;
    void this.#close(access);
    return undefined;
  }

  /** Takes a connection on which nothing is under way: keeps it for a while, or closes it and waits until it is gone. */
  async give(record: ContainerRecord, access: GuestAccess): Promise<void> {
    const { connection } = access;
    const opened = this.#opened.get(connection) ?? Date.now();
    this.#opened.set(connection, opened);
    const isWelcome = this.#isKeeping && !this.#isClosed && this.#kept.size < MOST_KEPT;
    const isGood = !connection.isClosed && Date.now() - opened < MOST_AGE_MS;
    if (!isWelcome || !isGood || this.#kept.has(record.id)) return this.#close(access);
    connection.handOver(() => {});
    const timer = setTimeout(() => this.#drop(kept), KEEP_MS);
    const kept: Kept = { access, record, timer };
    this.#kept.set(record.id, kept);
    void connection.closed.then(() => this.#drop(kept));
  }

  /** Closes all of them, and whatever is given back from now on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const kept of this.#kept.values()) this.#drop(kept);
    await Promise.all(this.#closing);
  }

  #drop(kept: Kept): void {
    if (this.#kept.get(kept.record.id) !== kept) return;
    this.#forget(kept);
    void this.#close(kept.access);
  }

  #forget({ record, timer }: Kept): void {
    clearTimeout(timer);
    this.#kept.delete(record.id);
  }

  #close(access: GuestAccess): Promise<void> {
    const closing: Promise<void> = Promise.resolve(access[Symbol.asyncDispose]()).finally(() =>
      this.#closing.delete(closing),
    );
    this.#closing.add(closing);
    return closing;
  }
}

function isSame(a: ContainerRecord["machine"], b: ContainerRecord["machine"]): boolean {
  return a?.pid === b?.pid && a?.startTime === b?.startTime;
}
