import { deepEqual, equal } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  closingLine,
  failureLines,
  readTotals,
  sumTotals,
  type Totals,
} from "../../../scripts/test/totals.mjs";
import { withTemporaryFolder } from "./temporary-folder.ts";

const root = join(import.meta.dirname, "../../..");

describe("a test run's totals", () => {
  const folder = withTemporaryFolder();
  const totalsPath = (): string => join(folder.path, "totals.json");

  /** Runs mocha on one test file with our reporter and reads what it recorded, as the runner does. */
  function totalsOf(source: string): Totals {
    const file = join(folder.path, "sample.test.mjs");
    writeFileSync(file, source);
    const mocha = [join(root, "node_modules/mocha/bin/mocha.js"), "--no-config"];
    const reporter = [
      "--reporter",
      join(root, "test/support/reporter.ts"),
      "--reporter-option",
      `totals=${totalsPath()}`,
    ];
    const { status } = spawnSync(process.execPath, [...mocha, ...reporter, file], { cwd: root });
    return readTotals(totalsPath(), status ?? 1);
  }

  it("count passed, failed and skipped", () => {
    const source = `it("a", () => {}); it("b", () => { throw new Error("no"); }); it("c"); it.skip("d", () => {});`;
    deepEqual(totalsOf(source), { passed: 1, failed: 1, skipped: 2, failures: ["b: no"] });
  }).timeout(20_000);

  it("count a failed hook as a failure", () => {
    const source = `it("a", () => {}); describe("x", () => { before(() => { throw new Error("no"); }); it("b", () => {}); });`;
    const failures = ['x "before all" hook for "b": no'];
    deepEqual(totalsOf(source), { passed: 1, failed: 1, skipped: 0, failures });
  }).timeout(20_000);

  it("count a suite that does not load, or ends half-way, as a failure beside what it did", () => {
    deepEqual(totalsOf("import './absent.mjs';"), { passed: 0, failed: 1, skipped: 0 });
    equal(existsSync(totalsPath()), false);
    deepEqual(totalsOf(`it("a", () => {}); it("b", () => process.exit(0));`), {
      passed: 1,
      failed: 1,
      skipped: 0,
    });
  }).timeout(20_000);

  it("count a suite without a test as a failure", () => {
    deepEqual(totalsOf(""), { passed: 0, failed: 1, skipped: 0 });
    deepEqual(totalsOf(`it.skip("a", () => {});`), { passed: 0, failed: 1, skipped: 1 });
  }).timeout(20_000);

  it("count a runner that fails although every test passed", () => {
    writeFileSync(totalsPath(), '{"passed":3,"failed":0,"skipped":0,"hasFinished":true}');
    deepEqual(readTotals(totalsPath(), 7), { passed: 3, failed: 1, skipped: 0 });
  });

  it("end in one line over all suites", () => {
    const suites = [
      { passed: 1, failed: 0, skipped: 2 },
      { passed: 4, failed: 1, skipped: 0 },
    ];
    equal(closingLine(sumTotals(suites)), "5 passed, 1 failed, 2 skipped");
  });

  it("name what failed before it", () => {
    const suites = [
      { passed: 1, failed: 0, skipped: 2 },
      { passed: 4, failed: 1, skipped: 0, failures: ["a file is kept: EIO"] },
    ];
    deepEqual(failureLines(suites), ["failed: a file is kept: EIO"]);
  });
});
