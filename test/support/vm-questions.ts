import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { VmHost } from "./vm-host.ts";

/** What a command printed (both outputs) and how it ended. */
export interface Answer {
  readonly output: string;
  readonly status: number;
}

/** Answers by the names of their questions. */
export type Answers<Name extends string> = Readonly<Record<Name, Answer>>;

/**
 * Boots one container VM that answers many questions: shell commands, each run in a subshell.
 *
 * @param args everything of `vch run` up to the image.
 * @param program another one than bin/vch, with its first arguments.
 */
export async function ask<Name extends string>(
  host: VmHost,
  args: readonly string[],
  questions: Readonly<Record<Name, string>>,
  program: readonly string[] = [],
): Promise<Answers<Name>> {
  const mark = `--${randomBytes(8).toString("hex")}--`;
  const names = Object.keys(questions) as Name[];
  const script = names.map((name) => `(\n${questions[name]}\n) 2>&1\necho "${mark} $?"`).join("\n");
  const { status, stdout, stderr } = await host.run(["run", "--rm", ...args, "sh", "-c", script], {
    program,
  });
  assert.equal(status, 0, `the questions could not be asked: ${stderr.toString()}${stdout.toString()}`);
  const parts = stdout.toString("utf8").split(new RegExp(`${mark} (\\d+)\n`));
  const answers = names.map((name, index) => [
    name,
    { output: parts[2 * index] ?? "", status: Number(parts[2 * index + 1]) },
  ]);
  return Object.fromEntries(answers) as Answers<Name>;
}
