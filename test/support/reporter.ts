import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import Mocha from "mocha";
import type { MochaOptions, Runner } from "mocha";

/**
 * Mocha's spec reporter, which also writes the run's totals as JSON to the file named by `--reporter-option
 * totals=FILE`, for the runner's closing line.
 *
 * A failed hook counts as a failure: the tests that it stopped have not passed.
 */
export default class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const totals = { passed: 0, failed: 0, skipped: 0 };
    runner.on("pass", () => totals.passed++);
    runner.on("fail", () => totals.failed++);
    runner.on("pending", () => totals.skipped++);
    const path: unknown = options.reporterOptions?.totals;
    if (typeof path !== "string") return;
    // Only at the end: without the file the runner knows that the run did not get there.
    runner.once("end", () => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, JSON.stringify(totals));
    });
  }
}
