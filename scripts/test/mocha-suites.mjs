import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fromRoot, pinnedNode, projectRoot } from "../set-up/project.mjs";
import { readTotals } from "./totals.mjs";

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {string[]} options of mocha
 * @property {boolean} measuresCoverage
 * @property {number} limitMs after which it is ended and counts as failed
 */

/** @type {Record<"unit" | "vm" | "docker", Suite>} */
export const suites = {
  unit: { name: "unit", options: [], measuresCoverage: true, limitMs: 10 * 60_000 },
  // A container VM under software emulation takes seconds to boot, and several on two busy cores a multiple.
  vm: { name: "vm", options: ["--timeout", "180000"], measuresCoverage: false, limitMs: 70 * 60_000 },
  docker: {
    name: "docker",
    options: ["--timeout", "180000"],
    measuresCoverage: false,
    limitMs: 40 * 60_000,
  },
};

/** Coverage of the unit tests: a summary on standard output, the report in coverage/. */
const coverage = [
  ...[
    fromRoot("node_modules/c8/bin/c8.js"),
    "--reporter=text-summary",
    "--reporter=html",
    "--reporter=lcovonly",
  ],
  ...["--all", "--src=src", "--include=src/**", "--exclude=src/protocol/generated/**"],
];

/**
 * Runs one suite of mocha tests, one file after the other.
 *
 * @param {Suite} suite
 * @param {readonly string[]} passedOn options of the user for mocha, such as `-g PATTERN`
 * @returns {Promise<import("./totals.mjs").Totals>}
 */
export async function runSuite(suite, passedOn) {
  const totalsPath = fromRoot(`build/test-totals/${suite.name}.json`);
  rmSync(totalsPath, { force: true });
  const mocha = [
    ...[fromRoot("node_modules/mocha/bin/mocha.js"), ...suite.options, "--forbid-only"],
    ...["--reporter-option", `totals=${totalsPath}`, ...passedOn, `test/${suite.name}/**/*.test.ts`],
  ];
  process.stdout.write(`\n  ${suite.name} tests\n`);
  const status = await run(
    suite.measuresCoverage ? [...coverage, pinnedNode, ...mocha] : mocha,
    suite.limitMs,
  );
  return readTotals(totalsPath, status);
}

/**
 * @param {readonly string[]} args
 * @param {number} limitMs
 * @returns {Promise<number>} its exit status; 1 after a signal
 */
function run(args, limitMs) {
  return new Promise((resolve) => {
    const child = spawn(pinnedNode, args, {
      cwd: projectRoot,
      stdio: ["ignore", "inherit", "inherit"],
      timeout: limitMs,
    });
    child.on("error", (error) => {
      process.stdout.write(`${error.message}\n`);
      resolve(1);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}
