import type { Figures } from "../../portlayer/statistics/index.ts";
import { formatTable } from "../format-table.ts";
import { fillTemplate } from "../go-template.ts";
import type { Chosen } from "./chosen-containers.ts";
import { binarySize, decimalSize } from "./human-size.ts";

/** A row, with Docker's names of its columns, in the order of its JSON. */
export interface StatisticsRow {
  readonly BlockIO: string;
  readonly CPUPerc: string;
  readonly Container: string;
  readonly ID: string;
  readonly MemPerc: string;
  readonly MemUsage: string;
  readonly Name: string;
  readonly NetIO: string;
  readonly PIDs: string;
}

/** Docker's word for what is not known. */
const UNKNOWN = "--";

const COLUMNS = ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"] as const;

const TITLES: Readonly<Record<string, string>> = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
};

/** @param figures undefined for a container that does not run, or does not answer. */
export function describeStatistics(
  { record, called, shortId }: Omit<Chosen, "isUp">,
  figures: Figures | undefined,
  isTruncated: boolean,
): StatisticsRow {
  return {
    BlockIO: pair(figures?.readBytes, figures?.writtenBytes, decimalSize),
    CPUPerc: percent(figures?.cpuPercent),
    Container: called,
    ID: isTruncated ? shortId : record.id,
    MemPerc: percent(figures?.memoryPercent),
    MemUsage: `${show(figures?.memoryBytes, binarySize)} / ${show(figures?.memoryLimitBytes, binarySize)}`,
    Name: record.name,
    NetIO: pair(figures?.receivedBytes, figures?.sentBytes, decimalSize),
    PIDs: show(figures?.pids, String),
  };
}

/** Lays rows out as lines, with the titles of the table if they are wanted and there are some. */
export type Layout = (rows: readonly StatisticsRow[], hasTitles: boolean) => string[];

/**
 * @param format Docker's: nothing or `table` for the usual table, `table TEMPLATE`, `json`, or a Go template.
 * @throws TetherError `invalid-option` when the first row is laid out, for a template that cannot be.
 */
export function makeLayout(format: string | undefined): Layout {
  if (format === "json") return (rows) => rows.map((row) => JSON.stringify(row));
  const columns = format === undefined || format === "table" ? TABLE : /^table\s+(.*)$/s.exec(format)?.[1];
  if (columns === undefined) return (rows) => rows.map((row) => fillTemplate(format ?? "", row));
  const titles = titlesOf(columns);
  return (rows, hasTitles) => {
    const cells = rows.map((row) => fillTemplate(columns, row).split("\t"));
    const lines = formatTable([titles, ...cells], LEAST_WIDTH);
    return hasTitles ? lines : lines.slice(1);
  };
}

/** Docker's least width of a column in its newer tables. */
const LEAST_WIDTH = 10;

const TABLE = COLUMNS.map((name) => `{{.${name}}}`).join("\t");

function titlesOf(columns: string): string[] {
  return [...columns.matchAll(/\{\{\s*\.(\w+)\s*\}\}/g)].map(
    ([, name = ""]) => TITLES[name] ?? name.toUpperCase(),
  );
}

function percent(value: number | undefined): string {
  return show(value, (each) => `${each.toFixed(2)}%`);
}

function pair(a: number | undefined, b: number | undefined, format: (value: number) => string): string {
  return a === undefined && b === undefined ? UNKNOWN : `${show(a, format)} / ${show(b, format)}`;
}

function show(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? UNKNOWN : format(value);
}
