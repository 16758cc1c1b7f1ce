import type { Bridge, System } from "../../system/system.ts";
import { observeAddresses } from "./observed-addresses.ts";
import { decodeAnswers } from "./netlink.ts";
import { requestLinks } from "./kernel-requests.ts";
import { changeLink } from "./route-messages.ts";
import { RouterDns, type RouterDnsEntry, type RouterResolver } from "./router-dns.ts";
import { decodeRouterOptions } from "./router-options.ts";

/** setTimeout's. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Its state never changes once a VM has started (the first device of a network namespace has this number). */
const LOOPBACK = 1;
const RTM_NEWLINK = 16;

/** A loopback that is down tells nobody of a change. */
const MARK_LIMIT_MS = 1000;

/** What advertisements are followed with. */
export interface AdvertisementsParts {
  readonly system: System;
  /** Addresses, name servers or domains are others. */
  readonly onChange: () => void;
  /** Is told when the kernel does not tell any more. */
  readonly report: (message: string) => void;
  /** Milliseconds that never go back; the same clock for an agent that takes over. */
  readonly now?: () => number;
}

/**
 * What routers advertise while the container runs: addresses, which the kernel makes of it, and DNS, which it leaves to
 * others.
 */
export class Advertisements {
  readonly #parts: AdvertisementsParts;
  readonly #now: () => number;
  readonly #dns = new RouterDns();
  #indexes: readonly number[] = [];
  #addresses = "";
  #bridge: Bridge | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Who waits for what has been told so far. */
  readonly #marks = new Set<() => void>();

  constructor(parts: AdvertisementsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? ((): number => Number(process.hrtime.bigint() / 1_000_000n));
  }

  /** For an agent that takes over; plain data. */
  get dns(): readonly RouterDnsEntry[] {
    return this.#dns.entries;
  }

  /** Follows these links from now on, and no others any more; before they are up, so that nothing is missed. */
  follow(indexes: readonly number[]): void {
    this.#indexes = indexes;
    this.#dns.forget(indexes, this.#now());
    this.#addresses = this.#observe();
    this.#setTimer();
    if (indexes.length === 0) this.close();
    else
      this.#bridge ??= this.#parts.system.watchNetwork({
        onMessage: (message) => this.#take(message),
        onError: (error) =>
          this.#parts.report(`what routers advertise is not known any more: ${error.message}`),
      });
  }

  /** Goes on with what an agent before this one has heard. */
  resume(indexes: readonly number[], dns: readonly RouterDnsEntry[]): void {
    this.#dns.resume(dns);
    this.follow(indexes);
  }

  /** As {@link RouterDns.resolverOf}. */
  resolverOf(index: number, name: string): RouterResolver {
    return this.#dns.resolverOf(index, name);
  }

  /**
   * Resolves when all of the advertisements that have come is known: the kernel tells of an address in the middle of one,
   * and of its name servers behind it.
   */
  async settled(): Promise<void> {
    if (this.#bridge === undefined) return;
    const { system } = this.#parts;
    system.awaitKernel();
    const marked = Promise.withResolvers<void>();
    const limit = setTimeout(marked.resolve, MARK_LIMIT_MS);
    this.#marks.add(marked.resolve);
    // Behind all else that it has told.
    const message = changeLink(LOOPBACK, { group: 0 });
    requestLinks(system, [{ name: "lo", what: "its group", message, tolerates: [] }]);
    await marked.promise;
    clearTimeout(limit);
    this.#marks.delete(marked.resolve);
  }

  close(): void {
    for (const mark of this.#marks) mark();
    clearTimeout(this.#timer);
    void this.#bridge?.close();
    this.#bridge = undefined;
  }

  #take(message: string): void {
    if (this.#bridge === undefined) return;
    const bytes = Buffer.from(message, "latin1");
    if (this.#marks.size > 0 && isMark(bytes)) for (const mark of this.#marks) mark();
    const options = decodeRouterOptions(bytes).filter(({ index }) => this.#indexes.includes(index));
    const changes = options.map((option) => this.#dns.take(option, this.#now()));
    if (options.length > 0) this.#setTimer();
    const addresses = this.#observe();
    const isMoved = addresses !== this.#addresses;
    this.#addresses = addresses;
    if (isMoved || changes.includes(true)) this.#parts.onChange();
  }

  #observe(): string {
    return this.#indexes.map((index) => observeAddresses(this.#parts.system, index).join(" ")).join(";");
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const next = this.#dns.nextExpiryMs;
    if (next === undefined) return;
    const pause = Math.min(Math.max(next - this.#now(), 0) + 1, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      const hasChanged = this.#dns.forget(this.#indexes, this.#now());
      this.#setTimer();
      if (hasChanged) this.#parts.onChange();
    }, pause).unref();
  }
}

function isMark(datagram: Uint8Array): boolean {
  return decodeAnswers(datagram).some(
    ({ type, payload }) => type === RTM_NEWLINK && Buffer.from(payload).readInt32LE(4) === LOOPBACK,
  );
}
