import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBenchHost, ROOT } from "./bench-host.ts";
import { figures } from "./figures/index.ts";
import { Interruption } from "./interruption.ts";
import { parseBenchOptions } from "./options.ts";
import { describeMachine, describeVersions, loadAverage } from "./report/machine-facts.ts";
import { formatReport } from "./report/report.ts";
import { runFigures } from "./run-figures.ts";

// `npm run bench`: measures every figure of the table "Speed and memory", prints it, and writes build/bench/results.json.

const RESULTS = join(ROOT, "build/bench/results.json");

process.exitCode = await main(process.argv.slice(2));

/** @returns the exit status: a figure that misses its target is no failure, one that could not be measured is. */
async function main(args: readonly string[]): Promise<number> {
  using interruption = new Interruption();
  try {
    const options = parseBenchOptions(args, Object.keys(figures));
    const machine = describeMachine();
    const versions = await describeVersions();
    const takenAt = new Date().toISOString();
    const loadBefore = loadAverage();
    await using host = await openBenchHost(interruption.signal);
    const outcomes = await runFigures(options, host);
    const results = {
      takenAt,
      rounds: options.rounds,
      machine,
      versions,
      loadBefore,
      loadAfter: loadAverage(),
      outcomes,
    };
    mkdirSync(join(RESULTS, ".."), { recursive: true });
    writeFileSync(RESULTS, `${JSON.stringify(results, undefined, 2)}\n`);
    process.stdout.write(`${formatReport(results)}\n\nEvery sample: ${RESULTS}\n`);
    return outcomes.every((outcome) => outcome.error === undefined) ? 0 : 1;
  } catch (error) {
    if (interruption.signal.aborted) return interruption.exitCode;
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}
