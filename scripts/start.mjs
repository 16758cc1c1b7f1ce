import { spawn } from "node:child_process";
import { constants } from "node:os";
import { isatty } from "node:tty";
import { setUp } from "./set-up.mjs";
import { fromRoot, projectRoot } from "./set-up/project.mjs";
import { parseStartArguments, runArguments } from "./start/arguments.mjs";

// `npm start [-- [-v] [CMD ARG...]]`: set up what is missing, then run the demo image. From here on standard
// output, standard error and the exit status are the command's.

/** Docker's status for "the container could not even be created". */
const couldNotStart = 125;

const { verbose, command, problem } = parseStartArguments(process.argv.slice(2));
if (problem !== undefined) {
  process.stderr.write(`npm start: ${problem}\n`);
  process.exitCode = couldNotStart;
} else if (await setUp({ verbose })) {
  runVch(runArguments(command, { hasTerminal: isatty(0) && isatty(1) }));
} else {
  process.exitCode = couldNotStart;
}

/** @param {readonly string[]} args */
function runVch(args) {
  const child = spawn(fromRoot("bin/vch"), args, { cwd: projectRoot, stdio: "inherit" });
  // ^C reaches the child by itself, in the same foreground group; we only must not die before it.
  process.on("SIGINT", () => {});
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`npm start: ${error.message}\n`);
    process.exit(couldNotStart);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
}
