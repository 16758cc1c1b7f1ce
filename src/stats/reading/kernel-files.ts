import { closeSync, constants, openSync } from "node:fs";
import type { FileBatch, System } from "../../system/system.ts";
import type { Values } from "../values/values.ts";
import { FollowedNumbers } from "./followed-numbers.ts";
import { type NumberPlace, NumberPlaces } from "./number-places.ts";
import { Scanner } from "./scanner.ts";

/** One of the kernel's files, and who makes numbers of it. */
export interface KernelFile {
  readonly path: string;
  /**
   * Told only when something else is in the file than before; the scanner is at its beginning. A file of which numbers
   * were taken by {@link Scanner.numberFor} is told of only when more than numbers is different: all that it makes of its
   * numbers must be these.
   */
  parse(scanner: Scanner): void;
  /** The file cannot be read. */
  clear(): void;
}

/** Most of them are far smaller; a place that is full becomes twice as large. */
const FIRST_PLACE_BYTES = 2048;
const MOST_PLACE_BYTES = 65_536;

/** Where the files are read. */
export interface FileSource {
  /** One that is not there is looked for again after so many readings. */
  readonly readingsBetweenTries: number;
  /** Whether it tells numbers by themselves ({@link FileBatch.numbers}). */
  readonly followsNumbers: boolean;
  /** @returns a descriptor for {@link read}; below zero: it is not there. */
  open(path: string): number;
  /** As `System.readFiles`. */
  read(batch: FileBatch): number;
  close(descriptor: number): void;
}

/** A look at what is not there costs a system call. */
const READINGS_BETWEEN_TRIES = 60;

/** The kernel itself. */
export function kernelFileSource(system: Pick<System, "readFiles">): FileSource {
  return {
    readingsBetweenTries: READINGS_BETWEEN_TRIES,
    followsNumbers: true,
    open: tryToOpen,
    read: (batch) => system.readFiles(batch),
    close: closeSync,
  };
}

/** What a file has in {@link FileBatch.places}. */
export const NUMBERS_PER_PLACE = 6;
const CAPACITY = 1;
const LENGTH = 2;
const CHANGED = 3;
const FIRST_NUMBER = 4;

/** A place without a file: no length that a reading gives. */
const NEVER_READ = -0x7fff_ffff;

/**
 * Files of the kernel's that are opened once and read again and again, all in one call. A file that cannot be opened or
 * read is no error: what it would have told is unknown.
 */
export class KernelFiles {
  readonly #source: FileSource;
  readonly #values: Values;
  readonly #places = new NumberPlaces();
  readonly #scanner: Scanner;
  readonly #files: KernelFile[] = [];
  readonly #numbers = new FollowedNumbers();
  /** Of the files that were looked at in this reading. */
  readonly #found = new Map<number, readonly NumberPlace[]>();
  #capacities: number[] = [];
  #batch: FileBatch = makeBatch([], this.#numbers);
  #readings = 0;

  constructor(source: FileSource, values: Values) {
    this.#source = source;
    this.#values = values;
    this.#scanner = new Scanner(source.followsNumbers ? this.#places : undefined);
  }

  /** Before the first reading. */
  add(...files: readonly KernelFile[]): void {
    this.#files.push(...files);
    this.#rebuild(this.#files.map((_file, index) => this.#capacities[index] ?? FIRST_PLACE_BYTES));
  }

  /** Reads all files and has those parsed of which more than numbers has changed. @returns the batch's clocks. */
  read(): Float64Array {
    this.#openMissing();
    this.#readings += 1;
    let toLookAt = this.#source.read(this.#batch);
    // A file that fills its place may be longer.
    while (toLookAt > 0 && this.#enlarge()) toLookAt = this.#source.read(this.#batch);
    this.#numbers.take(this.#values);
    if (toLookAt > 0) this.#look();
    return this.#batch.clocks;
  }

  /** Of all files. */
  get paths(): string[] {
    return this.#files.map(({ path }) => path);
  }

  close(): void {
    for (const descriptor of this.#batch.descriptors) if (descriptor >= 0) this.#source.close(descriptor);
    this.#batch.descriptors.fill(-1);
  }

  #look(): void {
    for (let index = 0; index < this.#files.length; index++) this.#parse(index);
    if (this.#found.size > 0) this.#follow();
  }

  #parse(index: number): void {
    const { places, content, descriptors } = this.#batch;
    const place = index * NUMBERS_PER_PLACE;
    const file = this.#files[index];
    if (file === undefined || places[place + CHANGED] !== 1) return;
    places[place + CHANGED] = 0;
    const start = places[place] ?? 0;
    const length = places[place + LENGTH] ?? 0;
    if (length >= 0) {
      this.#scanner.begin(content, start, start + length);
      file.parse(this.#scanner);
      this.#note(index, this.#places.inOrder());
      return;
    }
    file.clear();
    this.#note(index, []);
    const descriptor = descriptors[index] ?? -1;
    // What it names is gone (ENODEV of a cgroup's); what may come in its place is another file.
    if (descriptor >= 0) this.#source.close(descriptor);
    descriptors[index] = -1;
  }

  /** A file without such numbers is looked at whenever it changes; most of those never do. */
  #note(index: number, places: readonly NumberPlace[]): void {
    const [, count] = this.#numbers.rowsOf(index);
    if (places.length > 0 || count > 0) this.#found.set(index, places);
  }

  #follow(): void {
    this.#numbers.renew(this.#found, this.#files.length);
    this.#found.clear();
    this.#batch = { ...this.#batch, ...this.#numbers.tables };
    for (let index = 0; index < this.#files.length; index++)
      this.#batch.places.set(this.#numbers.rowsOf(index), index * NUMBERS_PER_PLACE + FIRST_NUMBER);
  }

  #openMissing(): void {
    if (this.#readings % this.#source.readingsBetweenTries !== 0) return;
    const { descriptors, places } = this.#batch;
    this.#files.forEach(({ path }, index) => {
      if ((descriptors[index] ?? -1) >= 0) return;
      descriptors[index] = this.#source.open(path);
      places[index * NUMBERS_PER_PLACE + LENGTH] = NEVER_READ;
    });
  }

  /** @returns whether there was something to enlarge; everything counts as changed then. */
  #enlarge(): boolean {
    let hasFull = false;
    for (let index = 0; index < this.#files.length; index++) if (this.#isFull(index)) hasFull = true;
    if (!hasFull) return false;
    this.#rebuild(this.#capacities.map((capacity, index) => (this.#isFull(index) ? capacity * 2 : capacity)));
    return true;
  }

  #isFull(index: number): boolean {
    const { places } = this.#batch;
    const capacity = places[index * NUMBERS_PER_PLACE + CAPACITY] ?? 0;
    return places[index * NUMBERS_PER_PLACE + LENGTH] === capacity && capacity < MOST_PLACE_BYTES;
  }

  #rebuild(capacities: number[]): void {
    const batch = { ...makeBatch(capacities, this.#numbers), clocks: this.#batch.clocks };
    batch.descriptors.set(this.#batch.descriptors);
    this.#capacities = capacities;
    this.#batch = batch;
  }
}

function makeBatch(capacities: readonly number[], numbers: FollowedNumbers): FileBatch {
  const places = new Int32Array(capacities.length * NUMBERS_PER_PLACE);
  let end = 0;
  capacities.forEach((capacity, index) => {
    places.set([end, capacity, NEVER_READ, 0, ...numbers.rowsOf(index)], index * NUMBERS_PER_PLACE);
    end += capacity;
  });
  return {
    descriptors: new Int32Array(capacities.length).fill(-1),
    places,
    content: new Uint8Array(end),
    clocks: new Float64Array(2),
    ...numbers.tables,
  };
}

function tryToOpen(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY);
  } catch {
    // This kernel does not have it, or has it switched off: what it would tell stays unset.
    return -1;
  }
}
