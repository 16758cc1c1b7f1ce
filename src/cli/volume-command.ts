import type { Command } from "commander";
import { contentOf, type Execution, parseSize, type VolumeRecord } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { formatTable } from "./format-table.ts";
import { collectPairs } from "./label-options.ts";
import { collect } from "./run-options.ts";
import { SignalProxy } from "./signal-proxy.ts";

interface CreateFlags {
  readonly name?: string;
  readonly opt: readonly string[];
  readonly label: readonly string[];
}

/** Docker's exit status when one of several could not be done. */
const FAILED = 1;

/** Adds `vch volume`. */
export function addVolumeCommand(program: Command, context: Context): void {
  const volume = program.command("volume").description("Manage volumes");
  volume
    .command("create")
    .description("Create a volume")
    .argument("[volume]", "its name; left out, one is made up")
    .option("--name <name>", "its name")
    .option(
      "-o, --opt <K=V>",
      "size=10g; type=ext4, xfs, nfs (device=HOST:/PATH, o=OPTIONS) or tmpfs",
      collect,
      [],
    )
    .option("--label <K=V>", "set a label", collect, [])
    .action(async (name: string | undefined, flags: CreateFlags) => {
      process.stdout.write(`${await create(context.openExecution(), name, flags)}\n`);
    });
  volume
    .command("ls")
    .description("List volumes")
    .option("-q, --quiet", "only the names")
    .action(({ quiet }: { quiet?: true }) => {
      const records = context.openExecution().listVolumes();
      const rows = records.map(({ name }) => ["local", name]);
      const lines = quiet
        ? records.map(({ name }) => name)
        : formatTable([["DRIVER", "VOLUME NAME"], ...rows]);
      process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    });
  volume
    .command("inspect")
    .description("Show all about one or more volumes")
    .argument("<volume...>", "its name")
    .action((names: string[]) => inspect(names, context));
  volume
    .command("rm")
    .description("Remove one or more volumes that no container has")
    .argument("<volume...>", "its name")
    .option("-f, --force", "one that is not there is no error")
    .action((names: string[], { force }: { force?: true }) => remove(names, force === true, context));
  volume
    .command("prune")
    .description("Remove the volumes without a name of their own that no container has")
    .option("-a, --all", "also those with a name")
    .option("-f, --force", "accepted for Docker's sake: nothing is asked")
    .action(({ all }: { all?: true }) => {
      const { names, bytes } = context.openExecution().pruneVolumes(all === true);
      const list = names.length === 0 ? "" : `Deleted Volumes:\n${names.join("\n")}\n\n`;
      process.stdout.write(`${list}Total reclaimed space: ${describeBytes(bytes)}\n`);
    });
  for (const command of volume.commands) command.exitOverride().copyInheritedSettings(program);
}

async function create(
  execution: Execution,
  argument: string | undefined,
  flags: CreateFlags,
): Promise<string> {
  if (argument !== undefined && flags.name !== undefined && argument !== flags.name)
    throw new TetherError(
      "usage",
      "conflicting options: either specify --name or provide positional arg, not both",
    );
  const name = argument ?? flags.name;
  const options = collectPairs("opt", flags.opt);
  using signals = new SignalProxy();
  const record = await execution.createVolume(
    {
      ...{ name, options, isAnonymous: name === undefined },
      content: contentOf(options, parseSize),
      labels: collectPairs("label", flags.label),
    },
    signals.abort,
  );
  return record.name;
}

function inspect(names: readonly string[], context: Context): void {
  const execution = context.openExecution();
  const found = names.flatMap((name) => attempt(() => describe(execution.findVolume(name)), context) ?? []);
  process.stdout.write(`${JSON.stringify(found, undefined, 4)}\n`);
}

function remove(names: readonly string[], force: boolean, context: Context): void {
  const execution = context.openExecution();
  for (const name of names)
    attempt(() => {
      try {
        execution.removeVolume(name);
      } catch (error) {
        if (!force || !(error instanceof TetherError) || error.code !== "no-such-volume") throw error;
      }
      process.stdout.write(`${name}\n`);
    }, context);
}

/** What one could not be done to is told; the others are done all the same. */
function attempt<Result>(work: () => Result, context: Context): Result | undefined {
  try {
    return work();
  } catch (error) {
    context.reportError(TetherError.from(error, "internal", "unexpected"));
    process.exitCode = FAILED;
    return undefined;
  }
}

/** Docker's answer, as far as there is something to tell. */
function describe({ name, created, labels, options, content }: VolumeRecord): unknown {
  return {
    CreatedAt: created,
    Driver: "local",
    Labels: Object.keys(labels).length === 0 ? null : labels,
    Name: name,
    Options: Object.keys(options).length === 0 ? null : options,
    Scope: "local",
    Status: content,
  };
}

/** Docker's units: powers of 1000, four digits. */
function describeBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes === 0 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(4))}${units[power]}`;
}
