import type { Values } from "../values/values.ts";
import type { KernelFile } from "./kernel-files.ts";
import type { Scanner } from "./scanner.ts";

/** Where a key's number goes. */
export interface KeyTarget {
  /** As the line begins, with a colon if it has one. */
  readonly key: string;
  readonly slot: number;
  /** What the number is multiplied by. */
  readonly scale?: number;
  /** So many words are between key and number. */
  readonly skippedWords?: number;
}

/** Of a key that the file does not have. */
const NOWHERE = -1;

const NEWLINE = 0x0a;

/**
 * A file of lines `KEY NUMBER` of which some are wanted: cpu.stat, memory.stat, /proc/meminfo. Such a file has its keys
 * at the same places most of the time, because numbers seldom gain a digit: each is looked for where it was, and only
 * when one of them is not there, the whole file is gone through. Under an emulator, and once a second, code is cold, and
 * each byte that is looked at counts.
 */
export function keyedFile(path: string, values: Values, targets: readonly KeyTarget[]): KernelFile {
  return new KeyedFile(path, values, targets);
}

class KeyedFile implements KernelFile {
  readonly path: string;
  readonly #values: Values;
  readonly #targets: ReadonlyArray<Required<KeyTarget> & { readonly bytes: Uint8Array }>;
  readonly #byKey: ReadonlyMap<string, number>;
  /** For each target where its line begins. */
  readonly #places: number[];
  #length = NOWHERE;

  constructor(path: string, values: Values, targets: readonly KeyTarget[]) {
    this.path = path;
    this.#values = values;
    this.#targets = targets.map((target) => ({
      ...{ scale: 1, skippedWords: 0, bytes: Buffer.from(target.key) },
      ...target,
    }));
    this.#byKey = new Map(targets.map(({ key }, index) => [key, index]));
    this.#places = targets.map(() => NOWHERE);
  }

  parse(scanner: Scanner): void {
    const { bytes, at, end } = scanner;
    if (end - at === this.#length && this.#follow(scanner)) return;
    scanner.begin(bytes, at, end);
    this.clear();
    this.#look(scanner);
    this.#length = end - at;
  }

  clear(): void {
    for (const { slot } of this.#targets) this.#values.set(slot, Number.NaN);
  }

  /** @returns whether every key is where it was: the file is as long as it was, too. */
  #follow(scanner: Scanner): boolean {
    const start = scanner.at;
    for (let index = 0; index < this.#places.length; index++) {
      const place = this.#places[index] ?? NOWHERE;
      if (place === NOWHERE) continue;
      const target = this.#targets[index];
      scanner.at = start + place;
      if (place > 0 && scanner.bytes[scanner.at - 1] !== NEWLINE) return false;
      scanner.word();
      if (target === undefined || !scanner.isWord(target.bytes)) return false;
      this.#take(scanner, index);
    }
    return true;
  }

  #look(scanner: Scanner): void {
    const start = scanner.at;
    this.#places.fill(NOWHERE);
    while (!scanner.isAtEnd) {
      const place = scanner.at - start;
      scanner.word();
      const index = this.#byKey.get(scanner.wordText());
      if (index !== undefined) {
        this.#places[index] = place;
        this.#take(scanner, index);
      }
      scanner.skipLine();
    }
  }

  #take(scanner: Scanner, index: number): void {
    const target = this.#targets[index];
    if (target === undefined) return;
    for (let skipped = 0; skipped < target.skippedWords; skipped++) scanner.word();
    this.#values.set(target.slot, scanner.numberFor(target.slot, target.scale));
  }
}

/** A file of one number, unset for `max`, which is no limit. */
export function numberFile(path: string, values: Values, slot: number): KernelFile {
  return {
    path,
    parse: (scanner) => values.set(slot, scanner.numberFor(slot)),
    clear: () => values.set(slot, Number.NaN),
  };
}
