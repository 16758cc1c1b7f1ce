import { spawn } from "node:child_process";
import { projectRoot } from "./project.mjs";
import { StepError } from "./step-error.mjs";

/** Enough to see why a tool failed; the rest is dropped from the front. */
const keptOutputBytes = 64 * 1024;

/**
 * Runs one program to its end and throws a {@link StepError} with its output when it fails. Its output goes
 * to our standard error with `verbose` and is otherwise kept back.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{ verbose?: boolean, env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * @returns {Promise<void>}
 */
export function runTool(program, args, { verbose = false, env = process.env, cwd = projectRoot } = {}) {
  return new Promise((resolve, reject) => {
    // Standard output goes to descriptor 2: the real one belongs to the user's command.
    const stdio = verbose
      ? /** @type {const} */ (["ignore", 2, 2])
      : /** @type {const} */ (["ignore", "pipe", "pipe"]);
    const child = spawn(program, args, { cwd, env, stdio: [...stdio] });
    let output = "";
    const keep = (/** @type {Buffer} */ chunk) => {
      output = (output + chunk.toString()).slice(-keptOutputBytes);
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.on("error", (error) => reject(new StepError(`${program} could not be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new StepError(`${commandLine(program, args)} ended with ${signal ?? `status ${code}`}`, output),
        );
    });
  });
}

/**
 * A command as a person would type it, for messages.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
export function commandLine(program, args) {
  return [program, ...args].map(quoteWord).join(" ");
}

/** @param {string} word */
function quoteWord(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
