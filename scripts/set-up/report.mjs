import { writeSync } from "node:fs";

/**
 * Where set-up says what it does: standard error, because standard output belongs to the command of `npm start`.
 *
 * @typedef {object} Report
 * @property {boolean} verbose also show what each tool prints, and the steps that had nothing to do
 * @property {(text: string) => void} line one whole line
 * @property {(text: string) => void} begin the first half of a step's progress line
 * @property {(text: string) => void} end the second half, which closes it
 */

/**
 * Writes synchronously, so that nothing is lost when the process ends right after.
 *
 * @param {{ verbose?: boolean, write?: (text: string) => void }} [options]
 * @returns {Report}
 */
export function createReport({ verbose = false, write = writeToStandardError } = {}) {
  return {
    verbose,
    line: (text) => write(`set-up: ${text}\n`),
    // With -v the tool's own lines follow, so the first half stands on a line of its own.
    begin: (text) => write(`set-up: ${text} ...${verbose ? "\n" : ""}`),
    end: (text) => write(verbose ? `set-up: ${text}\n` : ` ${text}\n`),
  };
}

/** @param {string} text */
function writeToStandardError(text) {
  try {
    writeSync(2, text);
  } catch {
    // A closed or full standard error must not stop the set-up itself.
  }
}
