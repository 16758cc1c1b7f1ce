import { type MessageShape, messageShape } from "../encoding/shape.ts";
import type { NumberFields } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import type { Scanner } from "./scanner.ts";

/** One of several of a kind: a device, a CPU, a file system. */
export interface Entry {
  readonly bytes: Uint8Array;
  /** Undefined: it is seen and not wanted. */
  readonly row: number | undefined;
  readonly message: MessageShape | undefined;
  isSeen: boolean;
}

/** What a list is made of. */
export interface EntryListParts {
  readonly values: Values;
  /** Of the list, and unique: a part of the name by which a counter is known. */
  readonly name: string;
  /** Of the message that holds an entry. */
  readonly field: number;
  readonly numbers: NumberFields;
  /** What an entry of this name is known by, encoded; undefined: it is not wanted. */
  readonly identify: (
    name: string,
  ) => { readonly identity: Uint8Array; readonly description?: Uint8Array } | undefined;
}

/** More devices than this nobody gives a VM; a container with privileges can make as many as it likes. */
const MOST_ENTRIES = 64;
/** With those that are not wanted: the partitions of disks. */
const MOST_SEEN = 1024;
const LONGEST_NAME = 4096;

/**
 * The entries of a list whose lines come and go. Between {@link begin} and {@link end} each is found by its name, most
 * often where the last reading had it.
 */
export class EntryList {
  readonly #parts: EntryListParts;
  readonly #byName = new Map<string, Entry>();
  /** In the order of the file. */
  #order: Entry[] = [];
  #next = 0;
  #isInOrder = true;
  #messages: readonly MessageShape[] = [];

  constructor(parts: EntryListParts) {
    this.#parts = parts;
  }

  /** Of the wanted entries, in the order of the file; another array when one has come or gone. */
  get messages(): readonly MessageShape[] {
    return this.#messages;
  }

  begin(): void {
    this.#next = 0;
    this.#isInOrder = true;
  }

  /** The row of the entry whose name is the scanner's last word; undefined when it is not wanted. */
  find(scanner: Scanner): number | undefined {
    const expected = this.#isInOrder ? this.#order[this.#next] : undefined;
    if (expected !== undefined && scanner.isWord(expected.bytes)) {
      this.#next += 1;
      return expected.row;
    }
    this.#leaveOrder();
    return this.findName(scanner.wordText());
  }

  /** As {@link find}. */
  findName(name: string): number | undefined {
    this.#leaveOrder();
    const entry = this.#byName.get(name) ?? this.#add(name);
    if (entry === undefined || entry.isSeen) return undefined;
    entry.isSeen = true;
    this.#order.push(entry);
    return entry.row;
  }

  /** Those that were not found are gone. */
  end(): void {
    if (this.#isInOrder && this.#next === this.#order.length) return;
    this.#leaveOrder();
    for (const [name, entry] of this.#byName) {
      if (!entry.isSeen) this.#remove(name, entry);
      entry.isSeen = false;
    }
    const messages = this.#order.flatMap(({ message }) => message ?? []);
    const isSame =
      messages.length === this.#messages.length &&
      messages.every((message, index) => message === this.#messages[index]);
    if (!isSame) this.#messages = messages;
  }

  /** None is there. */
  clear(): void {
    this.begin();
    this.end();
  }

  /** From here on each one is looked up, and the order is made anew. */
  #leaveOrder(): void {
    if (!this.#isInOrder) return;
    this.#isInOrder = false;
    this.#order = this.#order.slice(0, this.#next);
    for (const entry of this.#order) entry.isSeen = true;
  }

  #add(name: string): Entry | undefined {
    if (this.#byName.size >= MOST_SEEN || name.length > LONGEST_NAME) return undefined;
    const { values, field, numbers, identify } = this.#parts;
    const known = this.#wanted() < MOST_ENTRIES ? identify(name) : undefined;
    const row = known && values.add(this.#counterName(name), numbers);
    const message = known && row !== undefined ? messageShape({ field, row, numbers, ...known }) : undefined;
    const entry = { bytes: Buffer.from(name, "latin1"), row, message, isSeen: false };
    this.#byName.set(name, entry);
    return entry;
  }

  #wanted(): number {
    let wanted = 0;
    for (const { row } of this.#byName.values()) if (row !== undefined) wanted += 1;
    return wanted;
  }

  #remove(name: string, { row }: Entry): void {
    this.#byName.delete(name);
    if (row !== undefined) this.#parts.values.remove(this.#counterName(name), row, this.#parts.numbers);
  }

  #counterName(name: string): string {
    return `${this.#parts.name}/${name}`;
  }
}
