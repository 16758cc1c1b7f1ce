import { createHash } from "node:crypto";
import { TetherError } from "../errors/index.ts";

/** VMware takes requests up to 64 KiB (GUESTMSG_MAX_IN_SIZE), with the command and the key in them. */
export const PART_CHARACTERS = 60_000;

/** 6 MB: more than the 4 MiB of a document, and than the 1 MiB that VMware keeps by default. */
export const MOST_PARTS = 100;

/** One key and its value. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** What the first key of a text in parts says: the parts are `KEY.1` to `KEY.N`. */
export interface SplitHeader {
  readonly parts: number;
  /** Of the whole text, in characters. */
  readonly length: number;
  /** SHA-256 of the whole text, hexadecimal. */
  readonly digest: string;
}

/**
 * Lays a text of ASCII characters over as many keys as it needs: itself, when one is enough; else parts, and behind
 * them the key itself with `split:v1:PARTS:LENGTH:SHA256`. Written in this order, whoever finds the key finds the rest.
 *
 * @throws TetherError `invalid-option` for a text of more than {@link MOST_PARTS} parts.
 */
export function splitText(key: string, text: string): KeyValue[] {
  if (text.length <= PART_CHARACTERS) return [{ key, value: text }];
  const parts = Math.ceil(text.length / PART_CHARACTERS);
  if (parts > MOST_PARTS)
    throw new TetherError(
      "invalid-option",
      `${key}: ${text.length} characters do not fit in ${MOST_PARTS} keys`,
    );
  const values = Array.from({ length: parts }, (_, index) => ({
    key: partKey(key, index + 1),
    value: text.slice(index * PART_CHARACTERS, (index + 1) * PART_CHARACTERS),
  }));
  return [...values, { key, value: `${PREFIX}${parts}:${text.length}:${digestOf(text)}` }];
}

/** Whether this value stands for a text in parts. */
export function isSplit(value: string): boolean {
  return value.startsWith(PREFIX);
}

/** @throws TetherError `guest-initialisation` for a value that does not say how the text is split. */
export function parseSplit(key: string, value: string): SplitHeader {
  const words = HEADER.exec(value);
  const [parts = 0, length = 0] = (words ?? []).slice(1, 3).map(Number);
  const isSound = parts >= 1 && parts <= MOST_PARTS && length <= parts * PART_CHARACTERS;
  if (words === null || !isSound) throw broken(key, `says ${JSON.stringify(value.slice(0, LONGEST_QUOTE))}`);
  return { parts, length, digest: words[3] ?? "" };
}

/** The key of the Nth part, from 1. */
export function partKey(key: string, number: number): string {
  return `${key}.${number}`;
}

/**
 * The whole text, of all its parts in order.
 *
 * @throws TetherError `guest-initialisation` when they are not what the header says: one is old, cut or missing.
 */
export function joinText(key: string, header: SplitHeader, parts: readonly string[]): string {
  const text = parts.join("");
  if (text.length !== header.length) throw broken(key, `has ${text.length} of ${header.length} characters`);
  if (digestOf(text) !== header.digest) throw broken(key, "does not have the checksum that it says");
  return text;
}

const PREFIX = "split:v1:";
const HEADER = /^split:v1:(\d{1,3}):(\d{1,8}):([0-9a-f]{64})$/;
const LONGEST_QUOTE = 120;

function digestOf(text: string): string {
  return createHash("sha256").update(text, "latin1").digest("hex");
}

function broken(key: string, problem: string): TetherError {
  return new TetherError("guest-initialisation", `the value of ${key} in parts ${problem}`);
}
