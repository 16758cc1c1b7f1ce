import { type Command, InvalidArgumentError } from "commander";
import type { StopOptions } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { eachContainer } from "./each-container.ts";
import { parseCpus, parseMemory, parsePidsLimit } from "./run-options.ts";
import { parseRestartPolicy } from "./parse-restart-policy.ts";
import { beClient } from "./session-client.ts";
import { SignalProxy } from "./signal-proxy.ts";

const CONTAINERS = ["<container...>", "name, id or beginning of an id"] as const;

interface StopFlags {
  readonly time?: number;
  readonly timeout?: number;
  readonly signal?: string;
}

/** Adds the commands that change what a container does: start, stop, kill, restart, pause, unpause, wait, rename, update. */
export function addLifeCommands(program: Command, context: Context): void {
  addStart(program, context);
  addStop(program, context);
  addRestart(program, context);
  program
    .command("kill")
    .description("Kill one or more running container VMs' processes")
    .argument(...CONTAINERS)
    .option("-s, --signal <signal>", "name or number of the signal", "KILL")
    .action((references: string[], { signal }: { signal: string }) =>
      eachContainer(references, context, (execution, reference) => execution.kill(reference, signal)),
    );
  program
    .command("pause")
    .description("Freeze all processes of one or more container VMs")
    .argument(...CONTAINERS)
    .action((references: string[]) =>
      eachContainer(references, context, (execution, reference) => execution.pause(reference)),
    );
  program
    .command("unpause")
    .description("Let frozen container VMs go on")
    .argument(...CONTAINERS)
    .action((references: string[]) =>
      eachContainer(references, context, (execution, reference) => execution.unpause(reference)),
    );
  program
    .command("wait")
    .description("Wait until one or more container VMs have ended, and print their exit codes")
    .argument(...CONTAINERS)
    .action((references: string[]) =>
      eachContainer(references, context, (execution, reference) => execution.wait(reference), String),
    );
  addRename(program, context);
  addUpdate(program, context);
}

function addStart(program: Command, context: Context): void {
  program
    .command("start")
    .description("Start one or more container VMs")
    .argument(...CONTAINERS)
    .option("-a, --attach", "attach to the process's output, and pass signals on")
    .option("-i, --interactive", "attach to the process's input, too")
    .option("--detach-keys <keys>", "keys that leave the container running (ctrl-p,ctrl-q)")
    .action(async (references: string[], options: StartFlags) => {
      if (options.attach === true || options.interactive === true) {
        process.exitCode = await startAttached(references, options, context);
        return;
      }
      using signals = new SignalProxy();
      await eachContainer(references, context, (execution, reference) =>
        execution.start(reference, signals.abort),
      );
      context.leaveMachines();
    });
}

interface StartFlags {
  readonly attach?: true;
  readonly interactive?: true;
  readonly detachKeys?: string;
}

async function startAttached(
  references: readonly string[],
  { interactive, detachKeys }: StartFlags,
  context: Context,
): Promise<number> {
  const [reference = "", ...others] = references;
  if (others.length > 0)
    throw new TetherError("usage", "you cannot start and attach multiple containers at once");
  const execution = context.openExecution();
  const { record } = await execution.look(reference);
  const { tty = false, openStdin = false } = record.settings ?? {};
  const input = interactive === true && openStdin;
  const { result } = await beClient({ input, tty, detachKeys, passesSignals: true }, (streams, control) =>
    execution.startAttached(reference, streams, control),
  );
  context.leaveMachines();
  return result;
}

function addStop(program: Command, context: Context): void {
  addStopOptions(
    program
      .command("stop")
      .description("Stop one or more running container VMs")
      .argument(...CONTAINERS),
  ).action((references: string[], flags: StopFlags) =>
    eachContainer(references, context, (execution, reference) => execution.stop(reference, toOptions(flags))),
  );
}

function addRestart(program: Command, context: Context): void {
  addStopOptions(
    program
      .command("restart")
      .description("Restart one or more container VMs")
      .argument(...CONTAINERS),
  ).action(async (references: string[], flags: StopFlags) => {
    using signals = new SignalProxy();
    await eachContainer(references, context, (execution, reference) =>
      execution.restart(reference, toOptions(flags), signals.abort),
    );
    context.leaveMachines();
  });
}

function addStopOptions(command: Command): Command {
  return command
    .option("-t, --time <seconds>", "seconds until the process is killed; -1 for never", parseGrace)
    .option("--timeout <seconds>", "the same", parseGrace)
    .option("-s, --signal <signal>", "signal that asks the process to stop");
}

function toOptions({ time, timeout = time, signal }: StopFlags): StopOptions {
  return { graceMs: timeout === undefined ? undefined : timeout * 1000, signal };
}

function parseGrace(text: string): number {
  if (!/^-?\d{1,6}$/.test(text)) throw new InvalidArgumentError("a number of seconds is needed.");
  return Number(text);
}

function addRename(program: Command, context: Context): void {
  program
    .command("rename")
    .description("Give a container VM another name")
    .argument("<container>", CONTAINERS[1])
    .argument("<name>", "the new name")
    .action((reference: string, name: string) => context.openExecution().rename(reference, name));
}

interface UpdateOptions {
  readonly restart?: string;
  readonly pidsLimit?: number;
  readonly cpus?: number;
  /** In bytes. */
  readonly memory?: number;
}

function addUpdate(program: Command, context: Context): void {
  program
    .command("update")
    .description("Change the restart policy or the resources of one or more container VMs")
    .argument(...CONTAINERS)
    .option("--restart <policy>", "no, on-failure[:max], always, unless-stopped")
    .option("--pids-limit <number>", "processes and threads (-1 for no limit)", parsePidsLimit)
    .option("--cpus <number>", "CPUs; of a container VM that runs, not more than it has", parseCpus)
    .option("-m, --memory <size>", "memory of a container VM that does not run", parseMemory)
    .action((references: string[], { restart, pidsLimit, cpus, memory }: UpdateOptions) => {
      if ([restart, pidsLimit, cpus, memory].every((each) => each === undefined))
        throw new TetherError("usage", "you must provide one or more flags when using this command");
      const changes = {
        restart: restart === undefined ? undefined : parseRestartPolicy(restart),
        ...{ pidsLimit, cpus, memoryBytes: memory },
      };
      return eachContainer(references, context, (execution, reference) =>
        execution.update(reference, changes),
      );
    });
}
