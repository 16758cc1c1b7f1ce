import type { Command } from "commander";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";

/** Adds `vch rm`. */
export function addRmCommand(program: Command, context: Context): void {
  program
    .command("rm")
    .description("Remove one or more container VMs")
    .argument("<container...>", "name, id or beginning of an id")
    .option("-f, --force", "end a running one first")
    .action(async (references: string[], options: { force?: true }) => {
      const execution = context.openExecution();
      for (const reference of references) {
        try {
          await execution.remove(reference, { force: options.force ?? false });
          process.stdout.write(`${reference}\n`);
        } catch (error) {
          // The others are removed all the same, as Docker does.
          context.reportError(TetherError.from(error, "internal", `removing ${reference}`));
          process.exitCode = 1;
        }
      }
    });
}
