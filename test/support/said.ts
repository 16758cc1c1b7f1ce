import { type ChildProcess, spawn } from "node:child_process";

/** What a command has said, and how it ended. */
export interface Said {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program without input to its end. */
export function run(
  program: string,
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Said> {
  return hear(spawn(program, words, { env: environment, stdio: ["ignore", "pipe", "pipe"] }));
}

/** Hears a program to its end. Its status is -1 after a signal. */
export function hear(child: ChildProcess): Promise<Said> {
  const said = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.err += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ status: code ?? -1, ...said }));
  });
}
