import { notBuilt, refused } from "../http/api-error.ts";

/** An object of a request's document. */
export type Fields = Readonly<Record<string, unknown>>;

/** Reads one object's fields; whatever has not been asked for at the end, and says something, is refused by its name. */
export class FieldReader {
  readonly #fields: Fields;
  readonly #path: string;
  readonly #read = new Set<string>();

  constructor(fields: unknown, path: string) {
    if (fields !== undefined && fields !== null && (typeof fields !== "object" || Array.isArray(fields)))
      throw refused(path, "is no object");
    this.#fields = (fields ?? {}) as Fields;
    this.#path = path;
  }

  text(name: string): string {
    return this.#typed(name, "", (value) => typeof value === "string", "text");
  }

  flag(name: string): boolean {
    return this.#typed(name, false, (value) => typeof value === "boolean", "true or false");
  }

  /** A whole number. */
  number(name: string): number {
    return this.#typed(name, 0, (value) => Number.isSafeInteger(value), "a whole number");
  }

  /** Undefined when it is not there. */
  optionalNumber(name: string): number | undefined {
    return isAbsent(this.#fields[name]) ? void this.#read.add(name) : this.number(name);
  }

  texts(name: string): string[] {
    return this.#typed(name, [], isTexts, "a list of texts");
  }

  /** A list of texts or one: Docker's older clients write a command so. Undefined when it is not there. */
  words(name: string): string[] | undefined {
    const value = this.#fields[name];
    if (typeof value === "string") {
      this.#read.add(name);
      return value === "" ? undefined : [value];
    }
    return isAbsent(value) ? void this.#read.add(name) : this.texts(name);
  }

  /** A list of whatever it holds. */
  list(name: string): readonly unknown[] {
    return this.#typed<unknown[]>(name, [], Array.isArray, "a list");
  }

  /** Names with texts. */
  map(name: string): Readonly<Record<string, string>> {
    const isMap = (value: unknown): boolean => isObject(value) && isTexts(Object.values(value));
    return this.#typed<Record<string, string>>(name, {}, isMap, "names with texts");
  }

  /** The names of an object whose values say nothing. */
  names(name: string): string[] {
    return Object.keys(this.#typed(name, {}, isObject, "an object"));
  }

  /** An object inside. */
  object(name: string): FieldReader {
    this.#read.add(name);
    return new FieldReader(this.#fields[name], this.#nameOf(name));
  }

  /** A list of objects. */
  objects(name: string): FieldReader[] {
    return this.list(name).map((each, index) => new FieldReader(each, `${this.#nameOf(name)}[${index}]`));
  }

  /** An object's own objects, by their names. */
  entries(name: string): ReadonlyArray<readonly [string, unknown]> {
    return Object.entries(this.#typed<Fields>(name, {}, isObject, "an object"));
  }

  /** What the container has in any case, so that asking for it is fine; else it is refused. */
  accept(name: string, ...values: readonly unknown[]): void {
    const value = this.#fields[name];
    this.#read.add(name);
    if (!saysNothing(value) && !values.includes(value)) throw this.refusal(name, value);
  }

  /** Passes over what is for others to know. */
  skip(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** @throws ApiError 501 for the first field that says something and was not read. */
  end(): void {
    for (const [name, value] of Object.entries(this.#fields))
      if (!this.#read.has(name) && !saysNothing(value)) throw this.refusal(name, value);
  }

  refusal(name: string, value: unknown): Error {
    return notBuilt(`${this.#nameOf(name)}=${JSON.stringify(value).slice(0, 200)}`);
  }

  #typed<T>(name: string, fallback: T, fits: (value: unknown) => boolean, wanted: string): T {
    this.#read.add(name);
    const value = this.#fields[name];
    if (isAbsent(value)) return fallback;
    if (!fits(value)) throw refused(this.#nameOf(name), `is not ${wanted}`);
    return value as T;
  }

  #nameOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Go's zero values: what a client writes that was asked for nothing. */
function saysNothing(value: unknown): boolean {
  if (isAbsent(value) || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.values(value).every(saysNothing);
}
