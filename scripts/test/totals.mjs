import { readFileSync } from "node:fs";

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {string[]} [failures] a line for each failed test
 */

/**
 * What a suite's reporter recorded. A suite that left no record, did not get to its end, or ran no test, counts
 * as one failure more: it must never look like success.
 *
 * @param {string} path
 * @param {number} exitStatus of the suite's runner
 * @returns {Totals}
 */
export function readTotals(path, exitStatus) {
  const { passed, failed, skipped, failures, hasFinished } = parseTotals(path);
  const ranNothing = passed + failed === 0;
  // A runner that failed without a failed test (a leak, a crash after the end) is a failure of its own.
  const failedOtherwise = exitStatus !== 0 && failed === 0;
  const isIncomplete = !hasFinished || ranNothing || failedOtherwise;
  const totals = { passed, failed: isIncomplete ? failed + 1 : failed, skipped };
  return failures === undefined || failures.length === 0 ? totals : { ...totals, failures };
}

/**
 * @param {readonly Totals[]} suites
 * @returns {Totals}
 */
export function sumTotals(suites) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const suite of suites) {
    sum.passed += suite.passed;
    sum.failed += suite.failed;
    sum.skipped += suite.skipped;
  }
  return sum;
}

/**
 * What failed, once more at the end: the suites' own reports are thousands of lines before it.
 *
 * @param {readonly Totals[]} suites
 * @returns {string[]}
 */
export function failureLines(suites) {
  return suites.flatMap(({ failures = [] }) => failures.map((failure) => `failed: ${failure}`));
}

/**
 * The closing line. CI reads it, so its form is fixed.
 *
 * @param {Totals} totals
 */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * @param {string} path
 * @returns {Totals & { hasFinished: boolean }}
 */
function parseTotals(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    // Missing, or cut short in the middle of a write: the suite did not get to its end.
    return { passed: 0, failed: 0, skipped: 0, hasFinished: false };
  }
}
