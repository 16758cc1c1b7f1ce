import { formatTable } from "../../src/cli/format-table.ts";
import { median } from "../statistics.ts";

/** A stage of a start, as `vch -v` tells it. */
export interface Stage {
  readonly name: string;
  /** Since the guest's kernel started. */
  readonly atMs: number;
}

/** Reads the lines `vch: guest: STAGE at N ms`. */
export function parseStages(errorOutput: string): Stage[] {
  return [...errorOutput.matchAll(/^vch: guest: (.+) at (\d+) ms$/gm)].map(([, name = "", atMs]) => ({
    name,
    atMs: Number(atMs),
  }));
}

/**
 * A table of the stages of several starts: the median time of each, and the median step from the stage before it.
 * A stage that only some starts told is left out.
 */
export function summariseStages(starts: ReadonlyArray<readonly Stage[]>): string[] {
  const names = (starts[0] ?? [])
    .map(({ name }) => name)
    .filter((name) => starts.every((start) => timeOf(start, name) !== undefined));
  const rows = names.map((name, index) => {
    const before = names[index - 1];
    const step = (start: readonly Stage[]): number =>
      (timeOf(start, name) ?? 0) - (before === undefined ? 0 : (timeOf(start, before) ?? 0));
    const at = median(starts.map((start) => timeOf(start, name) ?? 0));
    return [`  ${name}`, `at ${at.toFixed(0)} ms`, `+${median(starts.map(step)).toFixed(0)} ms`];
  });
  return formatTable(rows);
}

function timeOf(start: readonly Stage[], name: string): number | undefined {
  return start.find((stage) => stage.name === name)?.atMs;
}
