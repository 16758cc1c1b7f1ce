import type { Command } from "commander";
import type { Execution } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { ContainerIdFile } from "./container-id-file.ts";
import { Interruption } from "./interruption.ts";
import {
  addContainerOptions,
  collect,
  type ContainerOptions,
  makeContainerRequest,
  parseSeconds,
} from "./run-options.ts";
import { beClient, type ClientOptions } from "./session-client.ts";
import { SignalProxy } from "./signal-proxy.ts";

/** What commander makes of `vch run`'s options. */
interface RunOptions extends ContainerOptions {
  readonly detach?: true;
  readonly attach: readonly string[];
  readonly detachKeys?: string;
  readonly sigProxy: string | boolean;
  readonly timeout?: number;
}

const IMAGE_KINDS =
  "oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, docker://REF or a root file system's tar";

/** Adds `vch run`. */
export function addRunCommand(program: Command, context: Context): void {
  const command = program
    .command("run")
    .usage("[OPTIONS] IMAGE [COMMAND] [ARG...]")
    .description("Create a container VM from an image and run a command in it")
    .argument("<image>", IMAGE_KINDS)
    .argument("[command...]", "replaces the image's command")
    .passThroughOptions();
  addContainerOptions(command)
    .option("-d, --detach", "leave the container VM running and print its id")
    .option("-a, --attach <stream>", "attach only to stdin, stdout or stderr", collect, [])
    .option("--detach-keys <keys>", "keys that leave the container running (ctrl-p,ctrl-q)")
    .option("--sig-proxy [boolean]", "pass signals on to the process", true)
    .option("--timeout <seconds>", "kill the process when it runs longer", parseSeconds)
    .helpOption("--help", "show this help")
    .action(async (image: string, words: string[], options: RunOptions) => {
      const execution = (): Execution => context.openExecution();
      if (options.detach === true) await runDetached(image, words, options, execution);
      else process.exitCode = await runAttached(image, words, options, execution);
      // It may have been left running.
      context.leaveMachines();
    });
}

/** Adds `vch create`. */
export function addCreateCommand(program: Command, context: Context): void {
  const command = program
    .command("create")
    .usage("[OPTIONS] IMAGE [COMMAND] [ARG...]")
    .description("Create a container VM from an image")
    .argument("<image>", IMAGE_KINDS)
    .argument("[command...]", "replaces the image's command")
    .passThroughOptions();
  addContainerOptions(command)
    .option("-a, --attach <stream>", "accepted for Docker's sake", collect, [])
    .helpOption("--help", "show this help")
    .action(async (image: string, words: string[], options: ContainerOptions) => {
      using signals = new SignalProxy();
      const request = makeContainerRequest(image, words, options, true);
      using idFile = new ContainerIdFile(options.cidfile);
      const { id } = await context.openExecution().create(request, signals.abort);
      idFile.write(id);
      process.stdout.write(`${id}\n`);
    });
}

async function runDetached(
  image: string,
  command: readonly string[],
  options: RunOptions,
  openExecution: () => Execution,
): Promise<void> {
  if (options.attach.length > 0) throw new TetherError("usage", "Conflicting options: -a and -d");
  if (options.timeout !== undefined) throw new TetherError("usage", "Conflicting options: --timeout and -d");
  const request = makeContainerRequest(image, command, options, false);
  using idFile = new ContainerIdFile(options.cidfile);
  using signals = new SignalProxy();
  let id: string | undefined;
  try {
    await openExecution().runDetached(request, signals.abort, (record) => {
      id = record.id;
      idFile.write(id);
    });
  } finally {
    // As with Docker, the id of a container that could not be started, too: it is there to be looked at.
    if (id !== undefined) process.stdout.write(`${id}\n`);
  }
}

async function runAttached(
  image: string,
  command: readonly string[],
  options: RunOptions,
  openExecution: () => Execution,
): Promise<number> {
  const request = {
    ...makeContainerRequest(image, command, options, true),
    timeoutMs: options.timeout === undefined ? undefined : options.timeout * 1000,
  };
  const attached = chooseStreams(options.attach, request.openStdin);
  const client: ClientOptions = {
    input: attached.input,
    outputs: attached,
    tty: request.tty,
    detachKeys: options.detachKeys,
    passesSignals: isTrue(options.sigProxy),
  };
  using idFile = new ContainerIdFile(options.cidfile);
  const { result } = await beClient(client, async (streams, clientControl) => {
    const execution = openExecution();
    const control = { ...clientControl, onCreated: (id: string) => idFile.write(id) };
    if (client.passesSignals) return execution.run(request, streams, control);
    return runWithoutSignals(execution, request, streams, control);
  });
  return result;
}

/** A signal ends this command; the container goes on, once there is one. */
async function runWithoutSignals(
  execution: Execution,
  ...[request, streams, control]: Parameters<Execution["run"]>
): Promise<number> {
  const leave = new AbortController();
  const abort = new AbortController();
  let isRunning = false;
  const onAbort = (): void => (isRunning ? leave.abort() : abort.abort(control.abort.reason));
  control.abort.addEventListener("abort", onAbort);
  const status = await execution.run(request, streams, {
    abort: abort.signal,
    onCreated: control.onCreated,
    detach: control.detach === undefined ? leave.signal : AbortSignal.any([control.detach, leave.signal]),
    onRunning: (signal, pid) => {
      isRunning = true;
      control.onRunning(signal, pid);
    },
  });
  return control.abort.reason instanceof Interruption ? control.abort.reason.exitCode : status;
}

/** `-a` names the streams that are wanted; without it all are. */
function chooseStreams(
  names: readonly string[],
  openStdin: boolean,
): { readonly input: boolean; readonly output: boolean; readonly errorOutput: boolean } {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  for (const name of wanted) {
    if (!["stdin", "stdout", "stderr"].includes(name))
      throw new TetherError(
        "usage",
        `invalid argument "${name}" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
      );
  }
  const has = (name: string): boolean => wanted.size === 0 || wanted.has(name);
  return { input: openStdin && has("stdin"), output: has("stdout"), errorOutput: has("stderr") };
}

/** Commander gives the word behind `=`; Docker's options without one are true. */
export function isTrue(value: string | boolean): boolean {
  return value === true || ["true", "1", "t"].includes(String(value).toLowerCase());
}
