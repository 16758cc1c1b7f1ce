import type { Command } from "commander";
import type { Inspection } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { fillTemplate } from "./go-template.ts";

/** Adds `vch inspect`. */
export function addInspectCommand(program: Command, context: Context): void {
  program
    .command("inspect")
    .description("Show everything about one or more container VMs")
    .argument("<container...>", "name, id or beginning of an id")
    .option("-f, --format <template>", "a Go template: {{.State.Status}}, {{json .Config}}")
    .option("--type <type>", "only container is known")
    .option("-s, --size", "accepted for Docker's sake")
    .action(async (references: string[], { format }: { format?: string }) => {
      const execution = context.openExecution();
      const found: Inspection[] = [];
      for (const reference of references) {
        try {
          found.push(await execution.inspect(reference));
        } catch (error) {
          // The others are shown all the same.
          context.reportError(TetherError.from(error, "internal", reference));
          process.exitCode = 1;
        }
      }
      process.stdout.write(
        format === undefined
          ? `${JSON.stringify(found, undefined, 4)}\n`
          : found.map((each) => `${fillTemplate(format, each)}\n`).join(""),
      );
    });
}
