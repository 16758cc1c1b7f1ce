import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { TetherError } from "../protocol/errors/index.ts";
import { makeContext } from "./context.ts";
import { Interruption } from "./interruption.ts";
import { addPsCommand } from "./ps-command.ts";
import { addRmCommand } from "./rm-command.ts";
import { addRunCommand } from "./run-command.ts";
import { VCH_VERSION } from "./version.ts";

/** Docker's exit status for a command line that it does not understand. */
const USAGE_EXIT_CODE = 125;

/**
 * The `vch` command.
 *
 * @param args without the program's own name.
 * @param root the project's folder: `build/boot` below it holds the boot medium.
 */
export async function runProgram(args: readonly string[], root: string): Promise<void> {
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
  addPsCommand(program, context);
  addRmCommand(program, context);
  program
    .command("version")
    .description("Show the version")
    .action(() => void process.stdout.write(`vch ${VCH_VERSION} (node ${process.version})\n`));
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    process.exitCode = explain(error, context.reportError);
  }
}

/** @returns the command's exit status. */
function explain(error: unknown, report: (error: TetherError) => void): number {
  if (error instanceof Interruption) return error.exitCode;
  // Commander has said it already; its only successes are --help and the like.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_EXIT_CODE;
  const known = TetherError.from(error, "internal", "unexpected");
  report(known);
  return known.entry.exitCode;
}
