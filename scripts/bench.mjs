import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { setUp } from "./set-up.mjs";
import { pinnedNode, projectRoot } from "./set-up/project.mjs";

// `npm run bench [-- [-v] [--rounds N] [--only NAME]...]`: set up what is missing, then measure. Everything else
// is bench/main.ts, on the pinned Node.

const args = process.argv.slice(2);
const main = fileURLToPath(new URL("../bench/main.ts", import.meta.url));
const verbose = args.includes("-v") || args.includes("--verbose");
const ownOptions = args.filter((word) => word !== "-v" && word !== "--verbose");

if (await setUp({ verbose })) runBench();
else process.exitCode = 1;

function runBench() {
  const child = spawn(pinnedNode, [main, ...ownOptions], { cwd: projectRoot, stdio: "inherit" });
  // ^C reaches the child by itself, in the same foreground group; we only must not die before it.
  process.on("SIGINT", () => {});
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal ?? "SIGKILL"]));
}
