import type { RouterOption } from "./router-options.ts";

/** What is kept for each link: more than a resolver asks. */
const MOST_NAMESERVERS = 8;
const MOST_DOMAINS = 16;

/** A name server, or a domain to search in, that a router has told of; plain data. */
export interface RouterDnsEntry {
  readonly index: number;
  readonly router: string;
  readonly kind: RouterOption["kind"];
  readonly value: string;
  /** On the monotonic clock, ms; null: for good. */
  readonly expiresMs: number | null;
}

/** What routers bring to resolv.conf. */
export interface RouterResolver {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** What routers say of DNS, for as long as they said it (RFC 8106, section 6). */
export class RouterDns {
  #entries: RouterDnsEntry[] = [];

  /** All that is known; plain data. */
  get entries(): readonly RouterDnsEntry[] {
    return this.#entries;
  }

  /** Goes on with what was known to somebody before. */
  resume(entries: readonly RouterDnsEntry[]): void {
    this.#entries = [...entries];
  }

  /** @returns whether a resolver has to know of it. */
  take({ index, router, kind, values, lifetimeS }: RouterOption, nowMs: number): boolean {
    const expiresMs = Number.isFinite(lifetimeS) ? nowMs + lifetimeS * 1000 : null;
    const isSame = (entry: RouterDnsEntry, value: string): boolean =>
      entry.index === index && entry.router === router && entry.kind === kind && entry.value === value;
    let hasChanged = false;
    for (const value of values) {
      const at = this.#entries.findIndex((entry) => isSame(entry, value));
      const entry = { index, router, kind, value, expiresMs };
      if (lifetimeS === 0) {
        if (at >= 0) this.#entries.splice(at, 1);
        hasChanged ||= at >= 0;
      } else if (at >= 0) this.#entries[at] = entry;
      else if (this.#hasRoom(index, kind)) {
        this.#entries.push(entry);
        hasChanged = true;
      }
    }
    return hasChanged;
  }

  /** Forgets what is over, and what belongs to other links than these. @returns whether there was any. */
  forget(indexes: readonly number[], nowMs: number): boolean {
    const kept = this.#entries.filter(
      ({ index, expiresMs }) => indexes.includes(index) && (expiresMs === null || expiresMs > nowMs),
    );
    const hasChanged = kept.length < this.#entries.length;
    this.#entries = kept;
    return hasChanged;
  }

  /** When the next of them is over; undefined: never. */
  get nextExpiryMs(): number | undefined {
    const times = this.#entries.flatMap(({ expiresMs }) => expiresMs ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @param name the link's, behind which its own addresses are (RFC 4007, section 11). */
  resolverOf(index: number, name: string): RouterResolver {
    const values = (kind: RouterDnsEntry["kind"]): string[] =>
      this.#entries.filter((entry) => entry.index === index && entry.kind === kind).map(({ value }) => value);
    return {
      nameservers: values("nameserver").map((value) =>
        /^fe[89ab]/.test(value) ? `${value}%${name}` : value,
      ),
      search: values("domain"),
    };
  }

  #hasRoom(index: number, kind: RouterDnsEntry["kind"]): boolean {
    const count = this.#entries.filter((entry) => entry.index === index && entry.kind === kind).length;
    return count < (kind === "nameserver" ? MOST_NAMESERVERS : MOST_DOMAINS);
  }
}
