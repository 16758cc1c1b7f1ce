import type { Said } from "./said.ts";

/**
 * A command's answer as lines: its output, what it complained about, and its status. Which program speaks, and where
 * its help is, is left out; so are ids.
 */
export function describeSaid({ status, out, err }: Said): string {
  const lines = [...out.split(/\r?\n/), ...err.split(/\r?\n/).map(withoutSpeaker)];
  return [...lines.filter((line) => line.trim() !== "" && !HELP.test(line)), `= ${status}`]
    .join("\n")
    .replace(/\b[0-9a-f]{64}\b/g, "FULL-ID")
    .replace(/\b[0-9a-f]{12}\b/g, "ID")
    .replace(/^PID +COMMAND$/m, "PID COMMAND")
    .replace(/^\d+ +(\S+) *$/gm, "PID $1");
}

/** With what the client sometimes logs when a container did not start. */
const HELP = /^(See '|Usage: |Run '|time=".*level=error)/;

/** Nor does a full stop count, which `docker run` adds to what the engine says. */
function withoutSpeaker(line: string): string {
  return line
    .replace(/^(docker|vch|Error): /, "")
    .replace(/^Error response from daemon: /, "")
    .replace(/\.$/, "");
}
