import type { FileBatch } from "../../system/system.ts";
import type { Values } from "../values/values.ts";
import type { NumberPlace } from "./number-places.ts";

/** What one row of {@link FileBatch.numbers} has. */
const FIELDS = 3;

type Tables = Pick<FileBatch, "numbers" | "values" | "changed">;

/** The numbers that are read without anybody who looks at their files: file by file, in one table for all. */
export class FollowedNumbers {
  #tables: Tables = tablesFor(0);
  /** Of each row. */
  #slots = new Int32Array();
  /** Of each file: its first row, and how many it has. */
  #rows: ReadonlyArray<readonly [first: number, count: number]> = [];

  /** For a reading, which keeps them up to date; others after {@link renew}. */
  get tables(): Tables {
    return this.#tables;
  }

  /** @returns the file's first row, and how many it has. */
  rowsOf(file: number): readonly [first: number, count: number] {
    return this.#rows[file] ?? [0, 0];
  }

  /** Hands out each number that has changed, to its slot. */
  take(target: Values): void {
    const { changed, values } = this.#tables;
    target.setAll(changed.subarray(1, 1 + (changed[0] ?? 0)), this.#slots, values);
    changed[0] = 0;
  }

  /**
   * Files were looked at: their numbers are where this says.
   *
   * @param found by the index of the file.
   * @param count of all files.
   */
  renew(found: ReadonlyMap<number, readonly NumberPlace[]>, count: number): void {
    const places = Array.from({ length: count }, (_none, file) => found.get(file) ?? this.#placesOf(file));
    const flat = places.flat();
    this.#tables = tablesFor(flat.length);
    this.#slots = Int32Array.from(flat, ({ slot }) => slot);
    flat.forEach(({ at, scale, decimals }, row) =>
      this.#tables.numbers.set([at, scale, decimals], row * FIELDS),
    );
    let first = 0;
    this.#rows = places.map(({ length }) => {
      const rows = [first, length] as const;
      first += length;
      return rows;
    });
  }

  #placesOf(file: number): NumberPlace[] {
    const [first, count] = this.rowsOf(file);
    return Array.from({ length: count }, (_none, index) => {
      const row = first + index;
      const [at = 0, scale = 1, decimals = 0] = this.#tables.numbers.subarray(row * FIELDS);
      return { at, scale, slot: this.#slots[row] ?? 0, decimals: decimals === 2 ? 2 : 0 };
    });
  }
}

function tablesFor(count: number): Tables {
  return {
    numbers: new Int32Array(count * FIELDS),
    values: new Float64Array(count),
    changed: new Int32Array(count + 1),
  };
}
