import { deepEqual, equal } from "node:assert/strict";
import type { FigureRow } from "../../../bench/figure.ts";
import { formatReport } from "../../../bench/report/report.ts";
import { parseStages, summariseStages } from "../../../bench/report/stages.ts";

describe("the benchmark's report", () => {
  const facts = {
    takenAt: "2026-01-01T00:00:00.000Z",
    rounds: 3,
    machine: { processor: "CPU", cores: 2, memoryBytes: 1, kernel: "6", acceleration: "tcg" },
    versions: { vch: "1", commit: undefined, node: "v24", qemu: "QEMU 7", guestKernel: "6.1" },
    loadBefore: [0.5, 1, 2],
    loadAfter: [3, 4, 5],
  };
  const row: FigureRow = { label: "start", value: 1.9, limit: 1.9, unit: "×", note: "here" };
  const report = (rows: FigureRow[], breakdown?: string[]): string[] => {
    const measurement = breakdown === undefined ? { rows, samples: [] } : { rows, breakdown, samples: [] };
    return formatReport({ ...facts, outcomes: [{ name: "start", measurement }] }).split("\n");
  };

  it("a value that is just the limit has reached it", () => {
    deepEqual(report([row])[1]?.split(/ {2,}/), ["start", "1.90 ×", "≤ 1.9 ×", "reached", "here"]);
  });

  it("a value above the limit has missed it, also when rounding hides that", () => {
    deepEqual(report([{ ...row, value: 1.901 }])[1]?.split(/ {2,}/)[3], "missed");
  });

  it("a value that must be reached at least is judged the other way round", () => {
    const rate = { ...row, limit: undefined, atLeast: 0.5 };
    const verdicts = [0.5, 0.499].map((value) =>
      report([{ ...rate, value }])[1]
        ?.split(/ {2,}/)
        .slice(2, 4),
    );
    deepEqual(verdicts, [
      ["≥ 0.5 ×", "reached"],
      ["≥ 0.5 ×", "missed"],
    ]);
  });

  it("a figure without a measurement tells why", () => {
    const lines = formatReport({ ...facts, outcomes: [{ name: "iso", error: "no ISO" }] }).split("\n");
    deepEqual(lines[1]?.split(/ {2,}/), ["iso", "-", "-", "not measured", "no ISO"]);
  });

  it("breakdowns, the machine and its load come under the table", () => {
    const lines = report([row], ["stages:", "  one"]);
    equal(lines.indexOf("stages:") > 1, true);
    equal(lines.at(-1), "Load average before: 0.5 1 2; after: 3 4 5");
  });

  it("stages are read from vch's messages", () => {
    const messages =
      "vch: unpacking image x\nvch: guest: stage 0 at 900 ms\nvch: guest: link open at 1200 ms\n";
    deepEqual(parseStages(messages), [
      { name: "stage 0", atMs: 900 },
      { name: "link open", atMs: 1200 },
    ]);
  });

  it("stages are summarised by medians; one that only some starts told is left out", () => {
    const start = (first: number, second: number) => [
      { name: "a", atMs: first },
      { name: "b", atMs: second },
    ];
    const starts = [start(10, 30), [...start(20, 25), { name: "c", atMs: 26 }], start(12, 40)];
    deepEqual(
      summariseStages(starts).map((line) => line.trim().split(/ {2,}/)),
      [
        ["a", "at 12 ms", "+12 ms"],
        ["b", "at 30 ms", "+20 ms"],
      ],
    );
  });
});
