import { quote } from "../checks/text.ts";
import type { Problems } from "../problems.ts";

/** What each type of protobuf holds; of 64 bits only what JavaScript's numbers do. */
const RANGES = {
  uint32: [0, 0xffff_ffff],
  sint32: [-0x8000_0000, 0x7fff_ffff],
  int32: [-0x8000_0000, 0x7fff_ffff],
  uint64: [0, Number.MAX_SAFE_INTEGER],
  sint64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const;

/** @returns undefined when it is none, with a problem. */
export function readNumber(type: keyof typeof RANGES, json: unknown, problems: Problems): number | undefined {
  const [least, most] = RANGES[type];
  if (typeof json === "number" && Number.isInteger(json) && json >= least && json <= most) return json;
  problems.add(`is no whole number from ${least} to ${most}`);
  return undefined;
}

/** A text that UTF-8 can hold: without halves of surrogate pairs. */
export function readText(json: unknown, problems: Problems): string | undefined {
  if (typeof json === "string" && json.isWellFormed()) return json;
  problems.add(typeof json === "string" ? `${quote(json)} is no Unicode text` : "is no text");
  return undefined;
}

/** Bytes: their UTF-8 text, or `{"base64": "…"}`. */
export function readBytes(json: unknown, problems: Problems): Uint8Array | undefined {
  if (typeof json === "string") {
    const text = readText(json, problems);
    return text === undefined ? undefined : Buffer.from(text);
  }
  const base64: unknown = isWrapped(json) ? json.base64 : undefined;
  if (typeof base64 === "string") {
    const bytes = Buffer.from(base64, "base64");
    // Node skips whatever is no base64.
    if (bytes.toString("base64") === base64) return bytes;
  }
  problems.add('is neither text nor {"base64": "…"} in one line (RFC 4648 section 4)');
  return undefined;
}

function isWrapped(json: unknown): json is { readonly base64: unknown } {
  return typeof json === "object" && json !== null && Object.keys(json).join() === "base64";
}
