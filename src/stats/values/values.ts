import { Counters, type CounterBases } from "./counters.ts";
import type { NumberFields } from "./schema.ts";

/** There is room for a VM with two processors, a vNIC and two disks before it must grow. */
const FIRST_SLOTS = 512;

/**
 * All numbers of a sample side by side, NaN where there is none: one block of memory that is filled, copied and
 * compared without an object for each number. A message with numbers has a row of slots.
 */
export class Values {
  #numbers = new Float64Array(FIRST_SLOTS).fill(Number.NaN);
  #end = 0;
  /** Rows that are free again, by their length. */
  readonly #free = new Map<number, number[]>();
  readonly #counters: Counters;

  /** @param saved what an agent before this one had added to the kernel's counters. */
  constructor(saved: CounterBases = {}) {
    this.#counters = new Counters(saved, FIRST_SLOTS);
  }

  /**
   * A row for these numbers, all of them NaN.
   *
   * @param name whose counters they are: one that had a row before goes on where it was.
   */
  add(name: string, fields: NumberFields): number {
    const row = this.#take(fields.length);
    this.#numbers.fill(Number.NaN, row, row + fields.length);
    this.#counters.add(name, row, fields);
    return row;
  }

  /** The row is free; its counters are remembered. */
  remove(name: string, row: number, fields: NumberFields): void {
    this.#counters.remove(name, row, fields);
    const free = this.#free.get(fields.length) ?? [];
    free.push(row);
    this.#free.set(fields.length, free);
  }

  /** @param value NaN: the kernel does not tell. */
  set(slot: number, value: number): void {
    this.#numbers[slot] = this.#counters.follow(slot, value);
  }

  /** Some of many: in one loop, as under an emulator each call counts. @param rows which, of both others. */
  setAll(rows: Int32Array, slots: Int32Array, values: Float64Array): void {
    const numbers = this.#numbers;
    const counters = this.#counters;
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] ?? 0;
      const slot = slots[row] ?? 0;
      numbers[slot] = counters.follow(slot, values[row] ?? Number.NaN);
    }
  }

  /** Every number of a row is unknown. */
  clear(row: number, count: number): void {
    this.#numbers.fill(Number.NaN, row, row + count);
  }

  /** A copy. */
  copy(): Float64Array {
    return this.#numbers.slice(0, this.#end);
  }

  /** What an agent that takes over has to add; undefined when it is what it was at the last call. */
  takeChangedBases(): CounterBases | undefined {
    return this.#counters.takeChangedBases();
  }

  #take(count: number): number {
    const free = this.#free.get(count)?.pop();
    if (free !== undefined) return free;
    const row = this.#end;
    this.#end += count;
    if (this.#end > this.#numbers.length) this.#grow();
    return row;
  }

  #grow(): void {
    const larger = new Float64Array(this.#end * 2).fill(Number.NaN);
    larger.set(this.#numbers);
    this.#numbers = larger;
    this.#counters.grow(larger.length);
  }
}
