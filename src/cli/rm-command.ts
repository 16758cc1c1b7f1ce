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
    .option("-v, --volumes", "remove its volumes without a name, too")
    .action((references: string[], options: { force?: true; volumes?: true }) =>
      eachContainer(references, context, (execution, reference) =>
        execution.remove(reference, {
          force: options.force ?? false,
          withVolumes: options.volumes ?? false,
        }),
      ),
    );
}
