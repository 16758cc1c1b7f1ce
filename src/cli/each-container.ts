import type { Execution } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";

/** Docker's exit status when one of several could not be done. */
const FAILED = 1;

/**
 * Does something with each of several containers, all at the same time, and prints for each, in order, what it gave
 * or what was wrong: the others are done all the same.
 *
 * @param operate gives what to print; by default the container as the user called it.
 */
export async function eachContainer(
  references: readonly string[],
  context: Context,
  operate: (execution: Execution, reference: string) => Promise<unknown>,
  print: (result: unknown, reference: string) => string = (_result, reference) => reference,
): Promise<void> {
  const execution = context.openExecution();
  const results = references.map((reference) => operate(execution, reference));
  for (const result of results) result.catch(() => {});
  for (const [index, result] of results.entries()) {
    const reference = references[index] ?? "";
    try {
      process.stdout.write(`${print(await result, reference)}\n`);
    } catch (error) {
      context.reportError(TetherError.from(error, "internal", reference));
      process.exitCode = FAILED;
    }
  }
}
