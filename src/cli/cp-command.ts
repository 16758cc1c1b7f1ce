import { once } from "node:events";
import type { Command } from "commander";
import {
  archiveIn,
  archiveOut,
  type CommandRunner,
  type CopyOptions,
  copyIn,
  copyOut,
} from "../portlayer/interaction/archive.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Context } from "./context.ts";
import { Interruption } from "./interruption.ts";
import { SignalProxy } from "./signal-proxy.ts";

/** An open connection to the guest that has a container's files. */
export interface OpenGuest extends AsyncDisposable {
  readonly connection: CommandRunner;
}

/** @param signal ends the attempt. */
export type OpenFiles = (reference: string, signal: AbortSignal) => Promise<OpenGuest>;

/** One side of a copy; without a container it is this machine. */
export interface CopySide {
  readonly container: string | undefined;
  /** `-` is a tar archive on standard input or output. */
  readonly path: string;
}

/**
 * Adds `vch cp`.
 *
 * @param open opens the files of a container by its name, id or the beginning of its id.
 */
export function addCpCommand(program: Command, context: Pick<Context, "reportError">, open: OpenFiles): void {
  program
    .command("cp")
    .usage("[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       vch cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH")
    .description("Copy files/folders between a container VM and the local filesystem")
    .argument("<source>", "CONTAINER:PATH, PATH, or - for a tar archive on standard input")
    .argument("<destination>", "CONTAINER:PATH, PATH, or - for a tar archive on standard output")
    .option("-a, --archive", "archive mode (copy all uid/gid information)")
    .option("-L, --follow-link", "always follow symbol link in SRC_PATH")
    .option("-q, --quiet", "suppress progress output during copy; the default without a terminal")
    .action(async (source: string, destination: string, options: CpOptions) => {
      try {
        await copy(parseCopySide(source), parseCopySide(destination), options, open);
      } catch (error) {
        if (error instanceof Interruption) throw error;
        // Docker's status for every failure of a copy, whatever its kind.
        context.reportError(TetherError.from(error, "internal", "copying"));
        process.exitCode = 1;
      }
    });
}

interface CpOptions {
  readonly archive?: true;
  readonly followLink?: true;
  readonly quiet?: true;
}

/** A path that begins with `/` or `.` is this machine's, also with a colon in it; as in Docker. */
export function parseCopySide(text: string): CopySide {
  const colon = text.indexOf(":");
  if (text.startsWith("/") || text.startsWith(".") || colon < 0) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

async function copy(
  source: CopySide,
  destination: CopySide,
  { archive, followLink, quiet }: CpOptions,
  open: OpenFiles,
): Promise<void> {
  const reference = containerOf(source, destination);
  const options = { keepsOwner: archive === true, follows: followLink === true };
  const isQuiet = quiet ?? !process.stdout.isTTY;
  using signals = new SignalProxy();
  await using guest = await open(reference, signals.abort);
  // A machine that was started for the copy ends in order.
  const bytes = await Promise.race([
    transfer(guest.connection, source, destination, options),
    rejectWhenAborted(signals.abort),
  ]);
  if (isQuiet || bytes === undefined) return;
  const { container, path } = destination;
  const target = container === undefined ? path : `${container}:${path}`;
  process.stderr.write(`Successfully copied ${describeBytes(bytes)} to ${target}\n`);
}

async function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason;
}

/** @throws TetherError `usage`, in Docker's words. */
function containerOf(source: CopySide, destination: CopySide): string {
  if (source.path === "" && source.container === undefined)
    throw new TetherError("usage", "source can not be empty");
  if (destination.path === "" && destination.container === undefined)
    throw new TetherError("usage", "destination can not be empty");
  if (source.container !== undefined && destination.container !== undefined)
    throw new TetherError("usage", "copying between containers is not supported");
  const container = source.container ?? destination.container;
  if (container === undefined || container === "")
    throw new TetherError("usage", "must specify at least one container source");
  return container;
}

/** @returns the archive's size; undefined when it went through standard input or output. */
async function transfer(
  runner: CommandRunner,
  source: CopySide,
  destination: CopySide,
  options: CopyOptions,
): Promise<number | undefined> {
  if (source.container === undefined) {
    if (source.path !== "-") return copyIn(runner, source.path, destination.path, options);
    await archiveIn(runner, process.stdin, destination.path, options);
  } else {
    if (destination.path !== "-") return copyOut(runner, source.path, destination.path, options);
    for await (const piece of await archiveOut(runner, source.path, options))
      if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  }
  return undefined;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Three digits and a decimal unit, as Docker's go-units has them. */
export function describeBytes(bytes: number): string {
  let [size, unit] = [bytes, 0];
  for (; size >= 1000 && unit < UNITS.length - 1; unit++) size /= 1000;
  return `${Number(size.toPrecision(3))}${UNITS[unit]}`;
}
