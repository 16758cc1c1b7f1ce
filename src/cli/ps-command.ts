import type { Command } from "commander";
import { isRunning } from "../hypervisor/index.ts";
import { type ContainerRecord, exitStatus, SHORT_ID_LENGTH } from "../portlayer/execution/index.ts";
import type { Context } from "./context.ts";
import { formatTable } from "./format-table.ts";
import { describeAge } from "./describe-age.ts";

/** Docker's width of a command in `ps`. */
const COMMAND_WIDTH = 20;

/** Adds `vch ps`. */
export function addPsCommand(program: Command, context: Context): void {
  program
    .command("ps")
    .description("List container VMs")
    .option("-a, --all", "show the ended ones too")
    .option("-q, --quiet", "show ids only")
    .option("--no-trunc", "do not shorten ids and commands")
    .action((options: { all?: true; quiet?: true; trunc: boolean }) => {
      const records = context
        .openContainers()
        .list()
        .filter((record) => options.all === true || isUp(record))
        .reverse();
      const id = (record: ContainerRecord): string =>
        options.trunc ? record.id.slice(0, SHORT_ID_LENGTH) : record.id;
      const lines =
        options.quiet === true
          ? records.map(id)
          : formatTable([
              ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"],
              ...records.map((record) => [
                id(record),
                record.image,
                quoteCommand(record.command, options.trunc),
                `${describeAge(record.created)} ago`,
                describeStatus(record),
                record.name,
              ]),
            ]);
      process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    });
}

function isUp({ machine }: ContainerRecord): boolean {
  return machine !== undefined && isRunning(machine);
}

function quoteCommand(command: readonly string[], isTruncated: boolean): string {
  const text = command.join(" ").replaceAll(/\s+/g, " ");
  return `"${isTruncated && text.length > COMMAND_WIDTH ? `${text.slice(0, COMMAND_WIDTH - 1)}…` : text}"`;
}

/** Docker's words; a container whose `vch` was killed is dead until it is removed. */
function describeStatus(record: ContainerRecord): string {
  if (isUp(record)) return `Up ${describeAge(record.started ?? record.created)}`;
  if (record.exit !== undefined)
    return `Exited (${exitStatus(record.exit)}) ${describeAge(record.finished ?? record.created)} ago`;
  return record.owner !== undefined && isRunning(record.owner) ? "Created" : "Dead";
}
