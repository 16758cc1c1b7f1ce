import type { Problems } from "../problems.ts";

/** The longest name of anything (NAME_MAX of Linux, and Docker's for most). */
export const MOST_NAME_BYTES = 255;

/** The longest path that Linux takes, without its NUL (PATH_MAX). */
export const MOST_PATH_BYTES = 4095;

/** As much of a foreign text as a message shows. */
const MOST_QUOTED = 40;

/** The text for a message: one line, in quotes, and its beginning only when it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MOST_QUOTED ? `${text.slice(0, MOST_QUOTED)}…` : text);
}

/** A text of at most `most` bytes without control characters. */
export function checkText(text: string, problems: Problems, most: number = MOST_NAME_BYTES): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > most) problems.add(`has ${bytes} bytes; the most are ${most}`);
  else if (/[\0-\x1f\x7f]/.test(text)) problems.add(`${quote(text)} holds a control character`);
}

/** @returns as many elements as there may be: whoever has sent more is not to get an error for each. */
export function bounded<T>(
  list: readonly T[] | null | undefined,
  most: number,
  problems: Problems,
): readonly T[] {
  const elements = list ?? [];
  if (elements.length <= most) return elements;
  problems.add(`has ${elements.length} elements; the most are ${most}`);
  return elements.slice(0, most);
}

/** A number of an enumeration; unknown ones arrive from newer hosts. */
export function checkEnum(
  value: number | null | undefined,
  known: Readonly<Record<string, string | number>>,
  problems: Problems,
): void {
  if (known[value ?? 0] === undefined) problems.add(`is ${value}, which this version does not know`);
}

/** A 64-bit number that JavaScript holds exactly. */
export function checkSafe(value: number | null | undefined, problems: Problems): void {
  if (!Number.isSafeInteger(value ?? 0)) problems.add("is larger than 2^53 - 1");
}

/** Each element once; `key` makes equal what means the same. */
export class Seen<Key> {
  readonly #paths = new Map<Key, string>();

  /** @param name how the first of them is called in the message of the second. */
  check(key: Key, name: string, problems: Problems): void {
    const first = this.#paths.get(key);
    if (first === undefined) this.#paths.set(key, name);
    else problems.add(`is the same as ${first}`);
  }
}
