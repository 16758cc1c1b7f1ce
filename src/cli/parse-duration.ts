import { InvalidArgumentError } from "commander";

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Go's durations, as Docker's options take them: `1m30s`, `500ms`, `0`.
 *
 * @returns whole milliseconds.
 * @throws InvalidArgumentError.
 */
export function parseDuration(text: string): number {
  if (text === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text))
    throw new InvalidArgumentError(`time: invalid duration "${text}".`);
  const parts = text.matchAll(/(?<number>\d+(?:\.\d+)?)(?<unit>ns|us|µs|ms|s|m|h)/g);
  let milliseconds = 0;
  for (const { groups } of parts)
    milliseconds += Number(groups?.["number"]) * (UNITS_MS[groups?.["unit"] ?? ""] ?? Number.NaN);
  return Math.round(milliseconds);
}
