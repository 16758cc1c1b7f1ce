import { existsSync } from "node:fs";
import { join } from "node:path";
import { fingerprint } from "./fingerprint.mjs";
import { withLock } from "./lock.mjs";
import { readStamp, removeStamp, writeStamp } from "./stamps.mjs";

/**
 * One step of the set-up.
 *
 * @typedef {object} Step
 * @property {string} name of its stamp, and for `npm run set-up -- NAME`
 * @property {string} progress what the user reads while it runs
 * @property {readonly import("./fingerprint.mjs").Input[]} inputs
 * @property {readonly string[]} outputs paths relative to the root; a missing one makes the step due
 * @property {() => boolean} [isDone] asked instead of the stamp, for what lives outside of the checkout
 * @property {(report: import("./report.mjs").Report) => Promise<void>} run throws a StepError
 */

/**
 * Runs the steps that are due, in order. A step is due when the contents of its inputs changed since it was
 * last completed, or when an output is missing. Two set-ups of one checkout never run at the same time.
 *
 * @param {string} root
 * @param {readonly Step[]} steps
 * @param {import("./report.mjs").Report} report
 */
export async function runSteps(root, steps, report) {
  // The usual case, nothing to do, neither waits for nor touches the lock.
  if (!steps.some((step) => isDue(root, step))) {
    if (report.verbose) report.line("nothing to do");
    return;
  }
  await withLock(join(root, "build", ".lock"), report, async () => {
    for (const step of steps) {
      // Asked again under the lock: another set-up may have done it meanwhile, or an earlier step changed its inputs.
      if (isDue(root, step)) await runStep(root, step, report);
      else if (report.verbose) report.line(`${step.name}: nothing to do`);
    }
  });
}

/**
 * @param {string} root
 * @param {Step} step
 */
function isDue(root, step) {
  if (step.isDone !== undefined) return !step.isDone();
  if (step.outputs.some((output) => !existsSync(join(root, output)))) return true;
  return readStamp(root, step.name) !== fingerprint(root, step.inputs);
}

/**
 * @param {string} root
 * @param {Step} step
 * @param {import("./report.mjs").Report} report
 */
async function runStep(root, step, report) {
  // Taken before the run: an input edited while the step runs makes it due again.
  const stamp = fingerprint(root, step.inputs);
  removeStamp(root, step.name);
  report.begin(step.progress);
  const startedMs = Date.now();
  try {
    await step.run(report);
  } catch (error) {
    report.end("failed");
    throw error;
  }
  report.end(`${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  writeStamp(root, step.name, stamp);
}
