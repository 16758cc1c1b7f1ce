import { Transform } from "node:stream";
import { TetherError } from "../../protocol/errors/index.ts";

/** Docker's default: ctrl-p, then ctrl-q. */
export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** The keys beside letters that `ctrl-` goes with, and their codes (ASCII: 64 less). */
const CONTROL_KEYS = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/**
 * Reads Docker's `--detach-keys`: comma-separated single characters or `ctrl-` and one of `a`–`z`, `@`, `[`, `\`,
 * `]`, `^`, `_`.
 *
 * @returns the bytes that the keys send.
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.concat(text.split(",").map(parseKey));
}

function parseKey(key: string): Buffer {
  if (key.length === 1) return Buffer.from(key);
  const control = /^ctrl-(.)$/s.exec(key)?.[1]?.toLowerCase();
  const code = control === undefined ? -1 : CONTROL_KEYS.indexOf(control);
  if (code < 0) throw new TetherError("invalid-option", `Unknown character: '${key}'`);
  return Buffer.from([code]);
}

/**
 * A stream that passes a user's input on until the keys come: they are swallowed and end it. What might be the
 * keys' beginning is held back until the next byte tells.
 *
 * @param onDetach is told when they have come.
 */
export function detachOn(keys: Buffer, onDetach: () => void): Transform {
  let matched = 0;
  let isDetached = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const passed: number[] = [];
      for (const byte of chunk) {
        if (isDetached) break;
        // A failed attempt may end in the beginning of another: ctrl-p, ctrl-p, ctrl-q.
        while (matched > 0 && byte !== keys[matched]) {
          const shorter = fallBack(keys, matched);
          passed.push(...keys.subarray(0, matched - shorter));
          matched = shorter;
        }
        if (byte !== keys[matched]) passed.push(byte);
        else if (++matched === keys.length) isDetached = true;
      }
      if (passed.length > 0) this.push(Buffer.from(passed));
      done();
      if (isDetached && matched > 0) {
        matched = 0;
        onDetach();
      }
    },
    flush(done) {
      // The input ended in the middle of the keys: it was no attempt to detach.
      done(null, !isDetached && matched > 0 ? keys.subarray(0, matched) : undefined);
    },
  });
}

/** The longest beginning of the keys that is an end of their first `length` ones (Knuth, Morris, Pratt). */
function fallBack(keys: Buffer, length: number): number {
  for (let shorter = length - 1; shorter > 0; shorter--) {
    if (keys.subarray(0, shorter).equals(keys.subarray(length - shorter, length))) return shorter;
  }
  return 0;
}
