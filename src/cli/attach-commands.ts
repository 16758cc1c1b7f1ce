import type { Command } from "commander";
import type { ExecRequest } from "../portlayer/execution/index.ts";
import type { Context } from "./context.ts";
import { collectEnvironment } from "./environment-options.ts";
import { formatTable } from "./format-table.ts";
import { isTrue } from "./run-command.ts";
import { collect } from "./run-options.ts";
import { beClient } from "./session-client.ts";

/** What Docker says when the detach keys were pressed. */
const DETACHED = "read escape sequence\n";

const CONTAINER = ["<container>", "name, id or beginning of an id"] as const;

/** Adds the commands that work inside a running container: exec, attach, top. */
export function addAttachCommands(program: Command, context: Context): void {
  addExec(program, context);
  addAttach(program, context);
  program
    .command("top")
    .usage("CONTAINER [ps OPTIONS]")
    .description("Show the processes of a container VM")
    .argument(...CONTAINER)
    .argument("[options...]", "ps options: -ef, aux or -o COLUMN,…")
    .passThroughOptions()
    .allowUnknownOption()
    .helpOption("--help", "show this help")
    .action(async (reference: string, options: string[]) => {
      const { titles, processes } = await context.openExecution().top(reference, options);
      process.stdout.write(
        formatTable([titles, ...processes])
          .map((line) => `${line}\n`)
          .join(""),
      );
    });
}

interface ExecFlags {
  readonly detach?: true;
  readonly interactive?: true;
  readonly tty?: true;
  readonly user?: string;
  readonly workdir?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly privileged?: true;
  readonly detachKeys?: string;
}

function addExec(program: Command, context: Context): void {
  program
    .command("exec")
    .usage("[OPTIONS] CONTAINER COMMAND [ARG...]")
    .description("Execute a command in a running container VM")
    .argument(...CONTAINER)
    .argument("<command...>", "the command and its arguments")
    .passThroughOptions()
    .option("-d, --detach", "leave the command running")
    .option("-i, --interactive", "pass standard input on")
    .option("-t, --tty", "give the command a terminal")
    .option("-u, --user <user[:group]>", "user (and group), names or numbers")
    .option("-w, --workdir <dir>", "working directory")
    .option("-e, --env <K=V>", "set an environment variable", collect, [])
    .option("--env-file <file>", "read environment variables from a file", collect, [])
    .option("--privileged", "all capabilities")
    .option("--detach-keys <keys>", "keys that leave the command running (ctrl-p,ctrl-q)")
    .helpOption("--help", "show this help")
    .action(async (reference: string, command: string[], flags: ExecFlags) => {
      process.exitCode = await exec(reference, command, flags, context);
    });
}

async function exec(
  reference: string,
  command: readonly string[],
  flags: ExecFlags,
  context: Context,
): Promise<number> {
  const request: ExecRequest = {
    command,
    environment: collectEnvironment(flags.envFile, flags.env, process.env),
    user: flags.user,
    workingDirectory: flags.workdir,
    tty: flags.tty ?? false,
    openStdin: flags.interactive === true && flags.detach !== true,
    privileged: flags.privileged ?? false,
  };
  const execution = context.openExecution();
  if (flags.detach === true) {
    await execution.execDetached(reference, request);
    return 0;
  }
  const { openStdin: input, tty } = request;
  // As with Docker, a signal ends the command here and not the process there.
  const client = { input, tty, detachKeys: flags.detachKeys, passesSignals: false };
  const { result } = await beClient(client, (streams, control) =>
    execution.exec(reference, request, streams, control),
  );
  return result.kind === "exited" ? result.status : tellDetached();
}

interface AttachFlags {
  readonly stdin: boolean;
  readonly detachKeys?: string;
  readonly sigProxy: string | boolean;
}

function addAttach(program: Command, context: Context): void {
  program
    .command("attach")
    .description("Attach to the process of a running container VM")
    .argument(...CONTAINER)
    .option("--no-stdin", "do not pass standard input on")
    .option("--detach-keys <keys>", "keys that leave the container running (ctrl-p,ctrl-q)")
    .option("--sig-proxy [boolean]", "pass signals on to the process", true)
    .action(async (reference: string, flags: AttachFlags) => {
      const execution = context.openExecution();
      const { record } = await execution.look(reference);
      const { tty = false, openStdin = false } = record.settings ?? {};
      const client = {
        input: flags.stdin && openStdin,
        tty,
        detachKeys: flags.detachKeys,
        passesSignals: isTrue(flags.sigProxy) && !tty,
      };
      const { result } = await beClient(client, (streams, control) =>
        execution.attach(reference, streams, control),
      );
      process.exitCode = result.kind === "exited" ? result.status : tellDetached();
    });
}

function tellDetached(): number {
  process.stderr.write(DETACHED);
  return 0;
}
