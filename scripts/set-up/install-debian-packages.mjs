import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";
import { servicesOfPackages } from "./debian-packages.mjs";
import { commandLine, runTool } from "./run-tool.mjs";
import { StepError } from "./step-error.mjs";

const aptOptions = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"];

/**
 * Who and what the installation runs as; tests give their own.
 *
 * @typedef {object} Host
 * @property {boolean} isRoot
 * @property {boolean} hasTerminal on both standard input and standard error, so that a question can be answered
 * @property {boolean} hasSudo
 * @property {boolean} hasSystemd as the machine's init
 * @property {(question: string) => Promise<string>} ask
 * @property {typeof runTool} runTool
 */

/** This machine. @returns {Host} */
export function thisHost() {
  return {
    isRoot: process.getuid?.() === 0,
    hasTerminal: isatty(0) && isatty(2),
    hasSudo: spawnSync("sudo", ["-V"], { stdio: "ignore" }).status === 0,
    hasSystemd: existsSync("/run/systemd/system"),
    ask: askOnTerminal,
    runTool,
  };
}

/**
 * Which of the packages are not installed, asked in one call (about 15 ms).
 *
 * @param {readonly string[]} names
 * @param {string} [dpkgQuery]
 * @returns {string[]}
 */
export function missingDebianPackages(names, dpkgQuery = "dpkg-query") {
  const query = spawnSync(dpkgQuery, ["-W", "-f", "${Package} ${db:Status-Status}\\n", ...names], {
    encoding: "utf8",
  });
  // Status 1 only says that some name is unknown to dpkg.
  if (query.error !== undefined || (query.status !== 0 && query.status !== 1)) {
    throw new StepError(
      `${dpkgQuery} does not work: this project is set up on Debian 12`,
      query.stderr ?? "",
    );
  }
  const installed = new Set(query.stdout.split("\n").filter((line) => line.endsWith(" installed")));
  return names.filter((name) => !installed.has(`${name} installed`));
}

/**
 * Installs the packages, without starting their services now or at the next boot: as root at once, else with
 * sudo after asking; throws a StepError with the exact command where neither is possible.
 *
 * @param {readonly string[]} names
 * @param {{ verbose: boolean }} report
 * @param {Host} [host]
 */
export async function installDebianPackages(names, report, host = thisHost()) {
  // Through env(1), since sudo does not hand our environment on.
  const install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", ...aptOptions, ...names];
  const services = host.hasSystemd ? names.flatMap((name) => servicesOfPackages[name] ?? []) : [];
  const commands = services.length > 0 ? withoutStarting(install, services) : [install];
  await runAsRoot("Debian packages are missing", [UPDATE, ...commands], report, host);
}

/**
 * A package's script starts its services unless they are masked; a mask in /run is gone with a reboot at last.
 *
 * @param {readonly string[]} install
 * @param {readonly string[]} services
 */
function withoutStarting(install, services) {
  return [
    ["systemctl", "mask", "--runtime", ...services],
    install,
    ["systemctl", "unmask", "--runtime", ...services],
    ["systemctl", "disable", ...services],
  ];
}

const UPDATE = ["apt-get", "update"];

/**
 * Whether apt can say where a package is to be had; on a machine whose lists were never fetched it cannot.
 *
 * @param {string} name
 */
export function isKnownToApt(name) {
  return spawnSync("apt-cache", ["show", "--no-all-versions", name], { stdio: "ignore" }).status === 0;
}

/**
 * Fetches apt's package lists, by the same rules.
 *
 * @param {{ verbose: boolean }} report
 * @param {Host} [host]
 */
export async function updatePackageLists(report, host = thisHost()) {
  await runAsRoot("apt's package lists are missing", [UPDATE], report, host);
}

/**
 * @param {string} what is missing
 * @param {readonly (readonly string[])[]} commands
 * @param {{ verbose: boolean }} report
 * @param {Host} host
 */
async function runAsRoot(what, commands, report, host) {
  const prefixed = commands.map((command) => (host.isRoot ? command : ["sudo", ...command]));
  if (!host.isRoot) await askForSudo(what, prefixed, host);
  for (const [program, ...args] of prefixed) {
    if (program !== undefined) await host.runTool(program, args, { verbose: report.verbose });
  }
}

/**
 * @param {string} what is missing
 * @param {readonly (readonly string[])[]} commands
 * @param {Host} host
 */
async function askForSudo(what, commands, host) {
  const byHand = commands.map(([program = "", ...args]) => commandLine(program, args)).join(" && ");
  if (!host.hasSudo) throw new StepError(`${what}; run as root: ${byHand.replaceAll("sudo ", "")}`);
  if (!host.hasTerminal) throw new StepError(`${what}; run: ${byHand}`);
  const answer = await host.ask(`\n${what}. Run this?\n  ${byHand}\n[Y/n] `);
  if (!/^\s*(y(es)?)?\s*$/i.test(answer)) throw new StepError(`not installed; run it yourself: ${byHand}`);
}

/** @param {string} question */
async function askOnTerminal(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
