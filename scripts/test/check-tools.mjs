import { spawn } from "node:child_process";
import { fromRoot, pinnedNode, projectRoot } from "../set-up/project.mjs";

/**
 * A program that judges the source. Its status tells; its output is shown when it objects.
 *
 * @typedef {{ name: string, args: string[] }} CheckTool
 */

/** Zero warnings from each of them. @type {readonly CheckTool[]} */
const checkTools = [
  { name: "types (tsc)", args: [binary("typescript/bin/tsc")] },
  { name: "lint (oxlint)", args: [binary("oxlint/bin/oxlint"), "--type-aware", "--deny-warnings"] },
  { name: "format (biome)", args: [binary("@biomejs/biome/bin/biome"), "format", "--reporter=summary"] },
  { name: "dead code (knip)", args: [binary("knip/bin/knip.js"), "--no-progress"] },
];

/** The machine of the project's kind has two cores. */
const jobs = 2;

/**
 * Runs all tools, two at a time, and says on standard output what each found.
 *
 * @returns {Promise<import("./totals.mjs").Totals>} one test per tool
 */
export async function runCheckTools() {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const waiting = [...checkTools];
  const work = async () => {
    for (let tool = waiting.shift(); tool !== undefined; tool = waiting.shift()) {
      const { passed, output } = await runCheckTool(tool);
      process.stdout.write(`  ${passed ? "✔" : "✘"} ${tool.name}\n${passed ? "" : output}`);
      if (passed) totals.passed++;
      else totals.failed++;
    }
  };
  process.stdout.write("\n  check\n");
  await Promise.all(Array.from({ length: jobs }, work));
  return totals;
}

/**
 * @param {CheckTool} tool
 * @returns {Promise<{ passed: boolean, output: string }>}
 */
function runCheckTool({ args }) {
  return new Promise((resolve) => {
    const child = spawn(pinnedNode, args, { cwd: projectRoot, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ passed: false, output: `${error.message}\n` }));
    child.on("close", (code) => resolve({ passed: code === 0, output }));
  });
}

/** @param {string} path */
function binary(path) {
  return fromRoot(`node_modules/${path}`);
}
