import type { BenchHost } from "./bench-host.ts";

/** One line of the table. */
export interface FigureRow {
  readonly label: string;
  /** The median, or the only value. */
  readonly value: number;
  /** At most this must be reached; undefined for a value that is shown for comparison. */
  readonly limit: number | undefined;
  /** At least this must be reached, in place of a limit. */
  readonly atLeast?: number;
  readonly unit: "×" | "MiB" | "MB" | "MB/s" | "ms" | "bytes" | "%";
  /** What the value was made from. */
  readonly note: string;
}

/** What measuring a figure gave. */
export interface Measurement {
  readonly rows: readonly FigureRow[];
  /** Lines to print under the table. */
  readonly breakdown?: readonly string[];
  /** Every single measured value, for the JSON file. */
  readonly samples: unknown;
}

/**
 * Measures one figure.
 *
 * @throws Error when it could not be measured; a target that is missed is a result.
 */
export type Figure = (host: BenchHost, rounds: number) => Promise<Measurement>;

/** A figure's end: its measurement, or why there is none. */
export type FigureOutcome =
  | { readonly name: string; readonly measurement: Measurement; readonly error?: never }
  | { readonly name: string; readonly measurement?: never; readonly error: string };
