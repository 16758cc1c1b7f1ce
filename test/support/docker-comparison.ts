import assert from "node:assert/strict";
import type { Side } from "./docker-pair.ts";

/** A difference that is meant: lines that only one of the two prints. */
export interface Difference {
  /** What was asked. */
  readonly question: string;
  /** In which surroundings; undefined: whenever it is asked. */
  readonly surroundings?: readonly string[];
  readonly except?: readonly string[];
  /** The lines that only Docker prints, each once, in this order. */
  readonly docker?: readonly (string | RegExp)[];
  readonly vch?: readonly (string | RegExp)[];
  /** Why it is meant. */
  readonly reason: string;
}

/** Where an answer is from. */
export interface Asked {
  readonly question: string;
  readonly surroundings: string;
}

/**
 * Compares the two answers to one question, line by line.
 *
 * @throws AssertionError for lines that differ without being listed, and for listed ones that do not.
 */
export function compareLines(
  answers: Readonly<Record<Side, string>>,
  asked: Asked,
  differences: readonly Difference[],
): void {
  const meant = differences.filter(
    ({ question, surroundings, except }) =>
      question === asked.question &&
      surroundings?.includes(asked.surroundings) !== false &&
      except?.includes(asked.surroundings) !== true,
  );
  const expected = render(
    meant.flatMap(({ docker = [], vch = [] }) => [
      ...docker.map((line) => ["-", line] as const),
      ...vch.map((line) => ["+", line] as const),
    ]),
  );
  const found = subtract(answers.docker.split("\n"), answers.vch.split("\n"));
  const isMeant =
    found.length === expected.length && expected.every((line, index) => fits(found[index], line));
  if (isMeant) return;
  assert.deepEqual(
    found,
    expected.map((line, index) => (fits(found[index], line) ? found[index] : String(line))),
    `${asked.question} (${asked.surroundings}): what differs (- Docker's, + vch's) is not what is listed`,
  );
}

type Line = string | { readonly mark: "-" | "+"; readonly pattern: RegExp; toString: () => string };

function render(lines: readonly (readonly ["-" | "+", string | RegExp])[]): Line[] {
  const rendered = lines.map(([mark, line]): Line => {
    if (typeof line === "string") return `${mark} ${line}`;
    return { mark, pattern: line, toString: () => `${mark} ${String(line)}` };
  });
  const isDockers = (line: Line): boolean => String(line).startsWith("-");
  return [...rendered.filter(isDockers), ...rendered.filter((line) => !isDockers(line))];
}

function fits(found: string | undefined, expected: Line): boolean {
  if (found === undefined || typeof expected === "string") return found === expected;
  return found.startsWith(`${expected.mark} `) && expected.pattern.test(found.slice(2));
}

/** The lines that only one side has, Docker's first: what a longest common subsequence leaves over. */
function subtract(docker: readonly string[], vch: readonly string[]): string[] {
  const common = longestCommon(docker, vch);
  const mark = (lines: readonly string[], sign: "-" | "+", kept: ReadonlySet<number>): string[] =>
    lines.flatMap((line, index) => (kept.has(index) ? [] : [`${sign} ${line}`]));
  return [
    ...mark(docker, "-", new Set(common.map(([left]) => left))),
    ...mark(vch, "+", new Set(common.map(([, right]) => right))),
  ];
}

/** The places of a longest common subsequence, in both. */
function longestCommon(left: readonly string[], right: readonly string[]): [number, number][] {
  const lengths = Array.from({ length: left.length + 1 }, () => right.concat("").map(() => 0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row !== undefined)
        row[j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const places: [number, number][] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (left[i] === right[j]) places.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return places;
}
