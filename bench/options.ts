import { parseArgs } from "node:util";

/** What to measure, and how often. */
export interface BenchOptions {
  readonly rounds: number;
  /** Names of figures. */
  readonly only: readonly string[];
}

/** A median of five is not moved by two outliers, and the whole bench takes some minutes under emulation. */
const DEFAULT_ROUNDS = "5";

/**
 * Reads `[--rounds N] [--only NAME]...`.
 *
 * @param names the figures that there are: the default is all of them.
 * @throws Error that says what is wrong.
 */
export function parseBenchOptions(args: readonly string[], names: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: DEFAULT_ROUNDS },
      only: { type: "string", multiple: true },
    },
  });
  const rounds = Number(values.rounds);
  if (!/^\d+$/.test(values.rounds) || rounds < 1)
    throw new Error(`--rounds ${values.rounds}: a number above zero is needed`);
  const only = values.only ?? [...names];
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${names.join(", ")}`);
  return { rounds, only };
}
