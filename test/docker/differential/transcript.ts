import { spawn } from "node:child_process";
import { hear, type Said } from "../../support/said.ts";
import { commandsOf } from "./scenario.ts";
import { type Names, normalise } from "./normalise.ts";

/** An engine that the `docker` command is pointed at. */
export interface Side {
  /** With `DOCKER_HOST` of its own. */
  readonly environment: NodeJS.ProcessEnv;
  /** An empty folder, in which its commands work. */
  readonly folder: string;
  readonly names: Names;
}

/** A command that takes longer hangs; under software emulation of a busy machine a start may take 20 s. */
const LIMIT_SECONDS = 90;

/**
 * What scripts call besides programs. `$RUN` is what nearly all of them begin with: dockerd has no bridge here, and
 * a container VM is up quicker without a network.
 */
const PRELUDE = `
RUN='docker run --rm --network none'
START='docker run -d --network none'
MAKE='docker create --network none'
# A terminal for a command: $1, with the input of whoever calls it.
pty() { script -qec "$1" /dev/null; }
# Tries a command, whose output does not count, until it succeeds.
await() { until "$@" > /dev/null 2>&1; do sleep 0.1; done; }
`;

/** Runs a scenario on one side. @returns what a user would have seen, line by line, and each command's exit status. */
export async function transcribe(side: Side, script: string): Promise<string> {
  const parts: string[] = [];
  for (const command of commandsOf(script)) {
    const { out, err, status } = await run(side, command);
    const lines = [...marked("", out), ...marked("2> ", err), `= ${status}`];
    parts.push(`$ ${command}`, ...lines);
  }
  return parts.join("\n");
}

function marked(mark: string, text: string): string[] {
  const lines = text.split("\n");
  // What ends without a newline is not the same as what ends with one.
  if (lines.at(-1) === "") lines.pop();
  else lines.push(`${lines.pop()}⏎̸`);
  return lines.map((line) => mark + line);
}

/** Runs one command with bash. */
export async function run({ environment, folder, names }: Side, command: string): Promise<Said> {
  // The whole group of a command that hangs is ended.
  const words = [String(LIMIT_SECONDS), "bash", "-c", `${PRELUDE}${command}`];
  const child = spawn("timeout", ["-k", "5", ...words], {
    cwd: folder,
    env: { ...environment, TZ: "UTC", LC_ALL: "C.UTF-8", TERM: "xterm" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { status, out, err } = await hear(child);
  return { status, out: normalise(out, names), err: normalise(err, names) };
}
