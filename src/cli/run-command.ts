import { type Command, Option } from "commander";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { collectEnvironment } from "./environment-options.ts";
import { watchOutputs } from "./output-errors.ts";
import {
  DEFAULT_MEMORY,
  DEFAULT_START_TIMEOUT_S,
  makeRunRequest,
  parseCpus,
  parseSeconds,
  type RunOptions,
} from "./run-options.ts";
import { SignalProxy } from "./signal-proxy.ts";
import { processStreams, takeTerminal } from "./terminal.ts";

/** Adds `vch run`. */
export function addRunCommand(program: Command, context: Context): void {
  const collect = (value: string, previous: readonly string[]): string[] => [...previous, value];
  program
    .command("run")
    .usage("[OPTIONS] IMAGE [COMMAND] [ARG...]")
    .description("Create a container VM from an image and run a command in it")
    .argument(
      "<image>",
      "oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, docker://REF or a root file system's tar",
    )
    .argument("[command...]", "replaces the image's command")
    .passThroughOptions()
    .option("-i, --interactive", "keep standard input open")
    .option("-t, --tty", "give the process a terminal")
    .option("--rm", "remove the container when it ends")
    .option("--name <name>", "name of the container")
    .option("-e, --env <K=V>", "set an environment variable", collect, [])
    .option("--env-file <file>", "read environment variables from a file", collect, [])
    .option("-u, --user <user[:group]>", "user (and group) of the process, names or numbers")
    .option("-w, --workdir <dir>", "working directory of the process")
    .option("-h, --hostname <name>", "host name of the container VM")
    .option("--entrypoint <program>", "replaces the image's entrypoint")
    .option("--stop-signal <signal>", "signal that asks the process to stop")
    .option("-m, --memory <size>", "memory of the container VM: a number with b, k, m or g", DEFAULT_MEMORY)
    .option("--cpus <number>", "CPUs of the container VM", parseCpus)
    .addOption(
      new Option("--accel <kind>", "how the processor is virtualised")
        .choices(["auto", "kvm", "tcg"])
        .default("auto"),
    )
    .addOption(
      new Option("--hardware <kind>", "devices of the container VM")
        .choices(["virtio", "vmware"])
        .default("virtio"),
    )
    .addOption(
      new Option("--boot <medium>", "how the kernel gets in")
        .choices(["kernel", "iso-bios", "iso-uefi"])
        .default("kernel"),
    )
    .addOption(
      new Option("--start <kind>", "go on from a template of the same shape, or boot")
        .choices(["forked", "cold"])
        .default("forked"),
    )
    .option("--timeout <seconds>", "kill the process when it runs longer", parseSeconds)
    .option(
      "--start-timeout <seconds>",
      "give up when the container VM does not answer",
      parseSeconds,
      DEFAULT_START_TIMEOUT_S,
    )
    .helpOption("--help", "show this help")
    .action(async (image: string, command: string[], options: RunOptions) => {
      process.exitCode = await run(image, command, options, context);
    });
}

async function run(
  image: string,
  command: readonly string[],
  options: RunOptions,
  context: Context,
): Promise<number> {
  const environment = collectEnvironment(options.envFile, options.env, process.env);
  const request = makeRunRequest(image, command, options, environment);
  if (request.tty && request.openStdin && !process.stdin.isTTY) {
    throw new TetherError("not-a-terminal", "the input device is not a TTY");
  }
  const execution = context.openExecution();
  using signals = new SignalProxy();
  using _outputs = watchOutputs((reason) => signals.end(reason));
  // The terminal is taken once the container runs: until then ^C ends the command.
  using terminal = new DisposableStack();
  // An input that is still open would keep this process for ever.
  if (request.openStdin) terminal.defer(() => process.stdin.destroy());
  const takesKeys = request.tty && request.openStdin;
  return await execution.run(request, processStreams({ input: request.openStdin, tty: request.tty }), {
    abort: signals.abort,
    onRunning: (signal) => {
      signals.passTo(signal);
      if (takesKeys) terminal.use(takeTerminal());
    },
  });
}
