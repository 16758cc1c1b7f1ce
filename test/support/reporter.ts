import { ftruncateSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import Mocha from "mocha";
import type { MochaOptions, Runner } from "mocha";

/**
 * Mocha's spec reporter, which also writes the run's totals and the names of what failed as JSON to the file named by
 * `--reporter-option totals=FILE`, for the runner's closing lines.
 *
 * A failed hook counts as a failure: the tests that it stopped have not passed.
 */
export default class TotalsReporter extends Mocha.reporters.Spec {
  constructor(runner: Runner, options: MochaOptions) {
    super(runner, options);
    const path: unknown = options.reporterOptions?.totals;
    if (typeof path !== "string") return;
    const failures: string[] = [];
    const totals = { passed: 0, failed: 0, skipped: 0, failures, hasFinished: false };
    mkdirSync(dirname(path), { recursive: true });
    // Opened once: some tests end as a user who could not open it.
    const file = openSync(path, "w");
    // After each test, so that a run which is ended from outside leaves how far it got.
    const record = (): void => {
      ftruncateSync(file);
      writeSync(file, JSON.stringify(totals), 0);
    };
    runner.on("pass", () => (totals.passed++, record()));
    runner.on("fail", (test, error: Error) => {
      totals.failed++;
      failures.push(`${test.fullTitle()}: ${error.message.split("\n", 1)[0]}`);
      record();
    });
    runner.on("pending", () => (totals.skipped++, record()));
    runner.once("end", () => {
      totals.hasFinished = true;
      record();
    });
  }
}
