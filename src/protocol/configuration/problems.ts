/** What is wrong with one field of a configuration document. */
export interface Problem {
  /** The field as proto/config.proto names it: `interfaces[1].addresses[0]`, `sysctls["vm.swappiness"]`. */
  readonly path: string;
  /** Completes a sentence that begins with the path: `is not 64 hexadecimal digits`. */
  readonly reason: string;
}

/** As much of a map's key as a path shows: it may be of any length. */
const MOST_KEY_LENGTH = 60;

/**
 * Collects what is wrong with a document, so that whoever wrote it hears of everything at once.
 *
 * @example
 * const problems = new Problems();
 * problems.at("interfaces").at(0).at("mtu").add("is 12; the least is 68");
 * problems.found; // [{ path: "interfaces[0].mtu", reason: "is 12; the least is 68" }]
 */
export class Problems {
  readonly #path: string;
  readonly #found: Problem[];

  constructor(path = "", found: Problem[] = []) {
    this.#path = path;
    this.#found = found;
  }

  /** Everything that was found in the whole document so far, in the order of its discovery. */
  get found(): readonly Problem[] {
    return this.#found;
  }

  /** The same collection, for a field of the message at hand, or an element of the list. */
  at(field: string | number): Problems {
    const step = typeof field === "number" ? `[${field}]` : this.#path === "" ? field : `.${field}`;
    return new Problems(this.#path + step, this.#found);
  }

  /** The same collection, for an entry of the map at hand. */
  atKey(key: string): Problems {
    return new Problems(`${this.#path}[${JSON.stringify(key.slice(0, MOST_KEY_LENGTH))}]`, this.#found);
  }

  add(reason: string): void {
    this.#found.push({ path: this.#path, reason });
  }
}

/** As many problems as one line of an error holds. */
const MOST_TOLD = 5;

/** The first problems as one sentence: `id is empty; interfaces[0].mtu is 12; and 3 more`. */
export function describeProblems(problems: readonly Problem[]): string {
  const told = problems.slice(0, MOST_TOLD).map(({ path, reason }) => `${path} ${reason}`);
  if (problems.length > MOST_TOLD) told.push(`and ${problems.length - MOST_TOLD} more`);
  return told.join("; ");
}
