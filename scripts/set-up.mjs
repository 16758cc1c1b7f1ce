import { projectRoot } from "./set-up/project.mjs";
import { createReport } from "./set-up/report.mjs";
import { runSteps } from "./set-up/run-steps.mjs";
import { StepError } from "./set-up/step-error.mjs";
import { setUpSteps } from "./set-up/steps.mjs";

/**
 * Brings this checkout to where a container VM can be started. Does nothing, silently, when it is there.
 *
 * @param {{ verbose?: boolean, forTests?: boolean, until?: string | undefined }} [options] `until`: the last step to run
 * @returns {Promise<boolean>} false after a failure, which has been reported
 */
export async function setUp({ verbose = false, forTests = false, until } = {}) {
  const report = createReport({ verbose });
  try {
    await runSteps(projectRoot, stepsUntil(setUpSteps({ forTests }), until), report);
    return true;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    if (error.output !== "") process.stderr.write(`${error.output.trimEnd()}\n`);
    report.line(error.message);
    return false;
  }
}

/**
 * @param {import("./set-up/run-steps.mjs").Step[]} steps
 * @param {string | undefined} until
 */
function stepsUntil(steps, until) {
  if (until === undefined) return steps;
  const last = steps.findIndex((step) => step.name === until);
  if (last < 0)
    throw new StepError(`there is no step ${until}; there are: ${steps.map((step) => step.name).join(", ")}`);
  return steps.slice(0, last + 1);
}

// `npm run set-up [-- [-v] [--tests] [STEP]]`
if (import.meta.filename === process.argv[1]) {
  const words = process.argv.slice(2);
  const done = await setUp({
    verbose: words.includes("-v") || words.includes("--verbose"),
    forTests: words.includes("--tests"),
    until: words.find((word) => !word.startsWith("-")),
  });
  process.exitCode = done ? 0 : 1;
}
