import { TetherError } from "../../protocol/errors/index.ts";

const UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/**
 * Docker's memory sizes: a number (a fraction too) with an optional unit `b`, `k`, `m`, `g` or `t`, in powers of
 * 1024, optionally followed by `b` or `ib`.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt])?i?b?$/i.exec(text.trim());
  const factor = UNITS[(match?.[2] ?? "b").toLowerCase()] ?? Number.NaN;
  const bytes = Math.floor(Number(match?.[1]) * factor);
  if (!Number.isSafeInteger(bytes)) throw new TetherError("invalid-option", `invalid size: '${text}'`);
  return bytes;
}
