import { formatTable } from "../../src/cli/format-table.ts";
import type { FigureOutcome, FigureRow } from "../figure.ts";
import type { MachineFacts, Versions } from "./machine-facts.ts";

/** Everything that is told about a bench, also as the JSON file. */
export interface Results {
  readonly takenAt: string;
  readonly rounds: number;
  readonly machine: MachineFacts;
  readonly versions: Versions;
  readonly loadBefore: readonly number[];
  readonly loadAfter: readonly number[];
  readonly outcomes: readonly FigureOutcome[];
}

/** A ratio is judged by its second digit. */
const DIGITS = { "×": 2, MiB: 1, MB: 1, "MB/s": 1, ms: 1, bytes: 0, "%": 2 } as const;

/** The table with its breakdowns, and what it was taken on. */
export function formatReport({
  outcomes,
  machine,
  versions,
  loadBefore,
  loadAfter,
  rounds,
}: Results): string {
  const rows = outcomes.flatMap((outcome) => {
    if (outcome.error !== undefined) return [[outcome.name, "-", "-", "not measured", outcome.error]];
    return outcome.measurement.rows.map(formatRow);
  });
  const breakdowns = outcomes.flatMap((outcome) =>
    outcome.measurement?.breakdown ? ["", ...outcome.measurement.breakdown] : [],
  );
  return [
    ...formatTable([["FIGURE", "MEASURED", "MUST REACH", "RESULT", "FROM"], ...rows]),
    ...breakdowns,
    "",
    `${rounds} rounds, medians; ${machine.acceleration}, ${machine.cores} × ${machine.processor}, ${versions.qemu}, guest kernel ${versions.guestKernel}`,
    `Load average before: ${loadBefore.join(" ")}; after: ${loadAfter.join(" ")}`,
  ].join("\n");
}

/** The value that is compared is the exact one, not the rounded one. */
function formatRow({ label, value, limit, atLeast, unit, note }: FigureRow): string[] {
  const measured = `${value.toFixed(DIGITS[unit])} ${unit}`;
  const verdict = (isReached: boolean): string => (isReached ? "reached" : "missed");
  if (limit !== undefined) return [label, measured, `≤ ${limit} ${unit}`, verdict(value <= limit), note];
  if (atLeast !== undefined)
    return [label, measured, `≥ ${atLeast} ${unit}`, verdict(value >= atLeast), note];
  return [label, measured, "", "", note];
}
