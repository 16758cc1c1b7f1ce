import type { Command } from "commander";
import type { Context } from "./context.ts";
import { eachContainer } from "./each-container.ts";

/** Adds `vch rm`. */
export function addRmCommand(program: Command, context: Context): void {
  program
    .command("rm")
    .description("Remove one or more container VMs")
    .argument("<container...>", "name, id or beginning of an id")
    .option("-f, --force", "end a running one first")
    .option("-v, --volumes", "accepted for Docker's sake: anonymous volumes go with their container")
    .action((references: string[], options: { force?: true }) =>
      eachContainer(references, context, (execution, reference) =>
        execution.remove(reference, { force: options.force ?? false }),
      ),
    );
}
