import type { NumberFields, NumberKind } from "./schema.ts";

/** By whose counters they are and by field number: what is added to what the kernel says. */
export type CounterBases = Readonly<Record<string, Readonly<Record<string, SavedCounter>>>>;

/** What the kernel said last, and what is added to it. */
export type SavedCounter = readonly [raw: number, base: number];

/** Devices that went, and whose counters go on should they come again: a few, however often a hostile guest makes new ones. */
const MOST_REMEMBERED = 128;

const WRAP = 2 ** 32;
/** A 32-bit counter that was in the last quarter, and is in the first one, has wrapped. */
const LAST_QUARTER = WRAP * 0.75;
const FIRST_QUARTER = WRAP * 0.25;

/** The kernel's corrections of idle and iowait time are ticks; a CPU that begins anew loses more (milliseconds). */
const MOST_CORRECTION_MS = 10_000;

const KIND_CODES = { gauge: 0, counter: 1, counter32: 2, time: 3 } as const satisfies Record<
  NumberKind,
  number
>;

/**
 * Counters that never go back. The kernel's do: they wrap, and begin anew with a device that went and came, with a
 * cgroup that is made anew. What they had reached is added from then on.
 */
export class Counters {
  #kinds: Uint8Array;
  #raw: Float64Array;
  #base: Float64Array;
  /** Of rows that are gone, or were an earlier agent's; the one that was remembered first goes first. */
  readonly #remembered: Map<string, Readonly<Record<string, SavedCounter>>>;
  /** Of those that there are: what has a base. */
  readonly #rows = new Map<string, { readonly row: number; readonly fields: NumberFields }>();
  #hasChanged = false;

  constructor(saved: CounterBases, slots: number) {
    this.#remembered = new Map(Object.entries(saved));
    this.#kinds = new Uint8Array(slots);
    this.#raw = new Float64Array(slots);
    this.#base = new Float64Array(slots);
  }

  grow(slots: number): void {
    const [kinds, raw, base] = [this.#kinds, this.#raw, this.#base];
    this.#kinds = new Uint8Array(slots);
    this.#raw = new Float64Array(slots);
    this.#base = new Float64Array(slots);
    this.#kinds.set(kinds);
    this.#raw.set(raw);
    this.#base.set(base);
  }

  add(name: string, row: number, fields: NumberFields): void {
    const saved = this.#remembered.get(name);
    fields.forEach(({ number, kind }, index) => {
      const [raw, base] = saved?.[number] ?? [0, 0];
      this.#kinds[row + index] = KIND_CODES[kind];
      this.#raw[row + index] = raw;
      this.#base[row + index] = base;
    });
    this.#rows.set(name, { row, fields });
  }

  remove(name: string, row: number, fields: NumberFields): void {
    this.#rows.delete(name);
    this.#remembered.delete(name);
    this.#remembered.set(
      name,
      this.#saved(row, fields, () => true),
    );
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MOST_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    this.#hasChanged = true;
  }

  /** @returns what the value is, given that this is what the kernel says now. */
  follow(slot: number, value: number): number {
    const kind = this.#kinds[slot];
    if (kind === KIND_CODES.gauge || Number.isNaN(value)) return value;
    const raw = this.#raw[slot] ?? 0;
    const base = this.#base[slot] ?? 0;
    if (value >= raw) {
      this.#raw[slot] = value;
      return base + value;
    }
    if (kind === KIND_CODES.time && raw - value <= MOST_CORRECTION_MS) return base + raw;
    const added = base + (hasWrapped(kind, raw, value) ? WRAP : raw);
    this.#raw[slot] = value;
    this.#base[slot] = added;
    this.#hasChanged = true;
    return added + value;
  }

  takeChangedBases(): CounterBases | undefined {
    if (!this.#hasChanged) return undefined;
    this.#hasChanged = false;
    const bases: Record<string, Readonly<Record<string, SavedCounter>>> = Object.fromEntries(
      this.#remembered,
    );
    for (const [name, { row, fields }] of this.#rows) {
      const saved = this.#saved(row, fields, (_raw, base) => base > 0);
      if (Object.keys(saved).length > 0) bases[name] = saved;
    }
    return bases;
  }

  #saved(
    row: number,
    fields: NumberFields,
    isWanted: (raw: number, base: number) => boolean,
  ): Record<string, SavedCounter> {
    const saved: Record<string, SavedCounter> = {};
    fields.forEach(({ number, kind }, index) => {
      const [raw, base] = [this.#raw[row + index] ?? 0, this.#base[row + index] ?? 0];
      if (kind !== "gauge" && isWanted(raw, base)) saved[number] = [raw, base];
    });
    return saved;
  }
}

function hasWrapped(kind: number | undefined, raw: number, value: number): boolean {
  if (kind === KIND_CODES.counter32) return raw >= WRAP / 2 && raw < WRAP;
  return raw >= LAST_QUARTER && raw < WRAP && value < FIRST_QUARTER;
}
