import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Event } from "../../protocol/control-messages.ts";
import { isErrorCode, TetherError } from "../../protocol/errors/index.ts";

export { readRecordedEvents as readLogEvents } from "../interaction/log/index.ts";

/** How much of a guest's console is read: the guest is hostile and may have filled it. */
const CONSOLE_TAIL_BYTES = 64 * 1024;

/** The error that an event carries, as ours. */
export function eventError(event: Event): TetherError | undefined {
  const error = event.failed?.error;
  if (!error) return undefined;
  const code = error.code ?? "";
  return new TetherError(
    isErrorCode(code) ? code : "guest-initialisation",
    oneLine(error.message ?? "the guest failed"),
  );
}

/**
 * Why a guest is gone that said nothing over its link: what stage 0, the agent or the kernel wrote on the console.
 */
export function explainConsole(path: string): TetherError {
  const lines = readConsole(path).split(/\r?\n/);
  const panic = lines.find((line) => line.includes("Kernel panic - not syncing"));
  if (panic !== undefined) {
    return new TetherError(
      "guest-panic",
      `the container VM's kernel panicked: ${oneLine(panic.replace(/^.*not syncing: ?/, ""))}`,
    );
  }
  const stage0 = lines.findLast((line) => line.startsWith("stage0: ") && !/started|running/.test(line));
  if (stage0 !== undefined) return new TetherError("guest-initialisation", oneLine(stage0));
  const agent = lines.findLast((line) => line.startsWith("tether: error: "));
  if (agent !== undefined)
    return new TetherError("guest-initialisation", oneLine(agent.slice("tether: error: ".length)));
  return new TetherError("guest-lost", "the container VM ended without saying how its process ended");
}

function readConsole(path: string): string {
  try {
    return readTail(path, CONSOLE_TAIL_BYTES).toString("utf8");
  } catch {
    // No console, no explanation.
    return "";
  }
}

function readTail(path: string, maxBytes: number): Buffer {
  const descriptor = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(maxBytes);
    const start = Math.max(0, fstatSync(descriptor).size - maxBytes);
    const length = readSync(descriptor, buffer, 0, maxBytes, start);
    return buffer.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** Text of a guest goes to a user's terminal: one line, and no control characters. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim()
    .slice(0, 500);
}
