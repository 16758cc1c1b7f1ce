import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { TetherError } from "../protocol/errors/index.ts";
import { makeContext } from "./context.ts";
import { Interruption } from "./interruption.ts";
import { addLogsCommand } from "./logs-command.ts";
import { addPsCommand } from "./ps-command.ts";
import { addRmCommand } from "./rm-command.ts";
import { addAttachCommands } from "./attach-commands.ts";
import { addConfigCommand } from "./config-command.ts";
import { addCpCommand } from "./cp-command.ts";
import { addDoctorCommand } from "./doctor/doctor-command.ts";
import { addEventsCommand } from "./events-command.ts";
import { addInspectCommand } from "./inspect-command.ts";
import { addLifeCommands } from "./life-commands.ts";
import { addCreateCommand, addRunCommand } from "./run-command.ts";
import { addMetricsCommand } from "./metrics/metrics-command.ts";
import { addCertsCommand } from "./certs-command.ts";
import { addServeCommand, type EndpointModule } from "./serve-command.ts";
import { addSshCommand } from "./ssh-command.ts";
import { addStatsCommand } from "./stats/stats-command.ts";
import { addUpgradeCommand } from "./upgrade-command.ts";
import { addVolumeCommand } from "./volume-command.ts";
import { VCH_VERSION } from "./version.ts";

/** Docker's exit status for an option that it does not understand. */
const USAGE_EXIT_CODE = 125;

/** Docker's exit status for an exec that could not be started, for whatever reason. */
const EXEC_EXIT_CODE = 126;

/** What Docker ends with 1 for. */
const WRONG_WORDS: ReadonlySet<string> = new Set([
  "commander.missingArgument",
  "commander.excessArguments",
  "commander.unknownCommand",
]);

/**
 * The `vch` command.
 *
 * @param args without the program's own name.
 * @param root the project's folder: `build/boot` below it holds the boot medium.
 * @param endpoint for `vch serve`, of a bundle that has it.
 */
export async function runProgram(
  args: readonly string[],
  root: string,
  endpoint?: EndpointModule,
): Promise<void> {
  const program = new Command("vch");
  const context = makeContext(
    join(root, "build/boot"),
    () => program.opts<{ verbose?: true }>().verbose === true,
  );
  program
    .description("Runs containers as virtual machines")
    .option("-v, --verbose", "tell what is being done")
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "vch: ").replace("\n(Did", " (Did")),
    })
    .helpCommand("help [command]", "show help for a command");
  addRunCommand(program, context);
  addCreateCommand(program, context);
  addLifeCommands(program, context);
  addAttachCommands(program, context);
  addPsCommand(program, context);
  addRmCommand(program, context);
  addInspectCommand(program, context);
  addEventsCommand(program, context);
  addLogsCommand(program, context);
  addCpCommand(program, context, (reference, signal) => context.openExecution().openFiles(reference, signal));
  addStatsCommand(program, context);
  addMetricsCommand(program, context);
  addServeCommand(program, context, endpoint);
  addCertsCommand(program);
  addDoctorCommand(program, join(root, "build/boot"));
  addSshCommand(program, context);
  addUpgradeCommand(program, context);
  addVolumeCommand(program, context);
  addConfigCommand(program, context);
  program
    .command("version")
    .description("Show the version")
    .action(() => void process.stdout.write(`vch ${VCH_VERSION} (node ${process.version})\n`));
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = explain(error, context.reportError, startedCommand(program, args));
  }
  context.end();
}

/** @returns the command's exit status. */
function explain(error: unknown, report: (error: TetherError) => void, command: string | undefined): number {
  if (error instanceof Interruption) return error.exitCode;
  // Commander has said it already; its only successes are --help and the like.
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    return WRONG_WORDS.has(error.code) ? 1 : USAGE_EXIT_CODE;
  }
  const known = TetherError.from(error, "internal", "unexpected");
  report(known);
  const { exitCode } = known.entry;
  // Docker's other commands end with 1 for whatever is refused, but for what they were to execute.
  if (command === "exec" && known.code === "user-not-found") return EXEC_EXIT_CODE;
  return command === "run" || exitCode < USAGE_EXIT_CODE || PASSED_ON.has(known.code) ? exitCode : 1;
}

/** What the container's process was to be, and what is wrong with this machine: no matter which command finds it. */
const PASSED_ON: ReadonlySet<string> = new Set([
  "command-not-found",
  "command-not-executable",
  "working-directory",
  "state-not-writable",
  "state-damaged",
  "tool-missing",
  "not-set-up",
]);

/** The first word that is a command's name: options of the program itself come before it. */
function startedCommand(program: Command, args: readonly string[]): string | undefined {
  return args.find((word) => program.commands.some((command) => command.name() === word));
}
