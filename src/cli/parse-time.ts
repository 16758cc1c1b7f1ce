import { TetherError } from "../protocol/errors/index.ts";
import { parseDuration } from "./parse-duration.ts";

/**
 * Docker's times of `--since` and `--until`: seconds since 1970 (with a fraction), RFC 3339 (a date alone too), or
 * how long ago, as `10m`.
 *
 * @returns milliseconds since 1970.
 * @throws TetherError `invalid-option`.
 */
export function parseTime(text: string, nowMs: number = Date.now()): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const time = Date.parse(text);
    if (!Number.isNaN(time)) return time;
  } else {
    try {
      return nowMs - parseDuration(text);
    } catch {
      // Said below in other words.
    }
  }
  throw new TetherError("invalid-option", `invalid value for a time: "${text}"`);
}
