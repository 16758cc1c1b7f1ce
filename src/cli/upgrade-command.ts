import { type Command, InvalidArgumentError } from "commander";
import type { Upgraded } from "../portlayer/execution/index.ts";
import type { Context } from "./context.ts";
import { eachContainer } from "./each-container.ts";

interface UpgradeFlags {
  readonly boot?: string;
  readonly time?: number;
}

/** Adds `vch upgrade`. */
export function addUpgradeCommand(program: Command, context: Context): void {
  program
    .command("upgrade")
    .description("Give one or more running container VMs the present agent; their processes go on")
    .argument("<container...>", "name, id or beginning of an id")
    .option("--boot <folder>", "folder with the agent image (agent.erofs), in place of vch's own")
    .option(
      "-t, --time <seconds>",
      "seconds that the new agent has to answer, or the old one goes on",
      parseLimit,
    )
    .action((references: string[], { boot, time }: UpgradeFlags) =>
      eachContainer(
        references,
        context,
        (execution, reference) => execution.upgrade(reference, { bootFolder: boot, limitS: time }),
        (result, reference) => describe(result as Upgraded, reference),
      ),
    );
}

function describe({ before, after }: Upgraded, reference: string): string {
  return before === after
    ? `${reference}: agent ${after}, the same version as before`
    : `${reference}: agent ${after}, before ${before}`;
}

function parseLimit(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 1 || seconds > 3600)
    throw new InvalidArgumentError("a number of seconds from 1 to 3600 is needed.");
  return seconds;
}
