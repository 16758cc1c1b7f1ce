import { spawnSync } from "node:child_process";
import type { LocalStreams, LocalTerminal } from "../portlayer/interaction/index.ts";

/** What a user gets who has no size: the size of a VT100. */
const FALLBACK = { columns: 80, rows: 24 };

/** The streams of this process, for a container that has a terminal or not. */
export function processStreams(options: { readonly input: boolean; readonly tty: boolean }): LocalStreams {
  const streams = {
    input: options.input ? process.stdin : undefined,
    output: process.stdout,
    errorOutput: process.stderr,
  };
  return options.tty ? { ...streams, terminal: PROCESS_TERMINAL } : streams;
}

const PROCESS_TERMINAL: LocalTerminal = {
  size: () =>
    process.stdout.isTTY ? { columns: process.stdout.columns, rows: process.stdout.rows } : FALLBACK,
  onResize: (listener) => {
    process.stdout.on("resize", listener);
    return () => process.stdout.off("resize", listener);
  },
};

/**
 * Hands every key to the container while it runs: no echo, no line editing, no signals from keys here.
 *
 * @returns gives the terminal back as it was; also without a terminal, where it does nothing.
 */
export function takeTerminal(): Disposable {
  const { stdin } = process;
  if (!stdin.isTTY) return { [Symbol.dispose]: () => {} };
  stdin.setRawMode(true);
  // Node's raw mode still puts a carriage return before each line feed, which the container's terminal has done
  // already, and which full-screen programs do not want. What Node restores includes this flag.
  spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  return { [Symbol.dispose]: () => void stdin.setRawMode(false) };
}
