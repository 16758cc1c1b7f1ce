import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

/** As in proto/stats.proto. */
const LONGEST_TEXT = 2048;

/** A file's text without what no terminal should be sent; undefined when it cannot be read, or is empty. */
export function textOf(path: string): string | undefined {
  const text = contentOf(path);
  return text === undefined ? undefined : printable(text);
}

/** A file with a whole number in it; undefined for another one, or one below zero (`speed` of a card without a link). */
export function numberOf(path: string): number | undefined {
  return wholeNumber(textOf(path));
}

/** A file with `0` or `1` in it. */
export function switchOf(path: string): boolean | undefined {
  const number = numberOf(path);
  return number === undefined ? undefined : number !== 0;
}

/** The name that a symbolic link leads to. */
export function linkedName(path: string): string | undefined {
  try {
    return printable(basename(readlinkSync(path)));
  } catch {
    // There is none: a device without a driver.
    return undefined;
  }
}

/** What is in a folder, in order. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    // A kernel without such devices.
    return [];
  }
}

/** All that a file holds; undefined when it cannot be read. */
export function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // This kernel does not have it, or the device does not know it (EINVAL of a card's speed).
    return undefined;
  }
}

/** @returns undefined when nothing is left. */
export function printable(text: string): string | undefined {
  const shown = text
    .trim()
    .slice(0, LONGEST_TEXT)
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, "?");
  return shown === "" ? undefined : shown;
}

/** Of decimal digits, and exact. */
export function wholeNumber(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}
