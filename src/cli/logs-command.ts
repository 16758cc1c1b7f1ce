import type { Command } from "commander";
import { TetherError } from "../protocol/errors/index.ts";
import { formatLogTime, parseLogTime } from "../portlayer/interaction/log/index.ts";
import type { Context } from "./context.ts";
import { watchOutputs } from "./output-errors.ts";

interface LogsOptions {
  readonly follow?: true;
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps?: true;
  readonly details?: true;
}

/** Adds `vch logs`. */
export function addLogsCommand(program: Command, context: Context): void {
  program
    .command("logs")
    .description("Show what a container VM's process has printed")
    .argument("<container>", "name, id or beginning of an id")
    .option("--details", "begin each line with a space, as Docker does where a driver has no details")
    .option("-f, --follow", "go on with what it prints from now on")
    .option("-n, --tail <lines>", "only so many of the last lines", "all")
    .option("--since <time>", "from then on: a time, seconds since 1970, or 10m ago")
    .option("--until <time>", "up to then")
    .option("-t, --timestamps", "show when each line was printed")
    .action(async (reference: string, options: LogsOptions) => {
      await showLogs(reference, options, context);
    });
}

async function showLogs(reference: string, options: LogsOptions, context: Context): Promise<void> {
  const stop = new AbortController();
  using _outputs = watchOutputs((reason) => stop.abort(reason));
  const entries = context.openExecution().logs(reference, {
    ...(options.tail === "all" ? {} : { tail: parseTail(options.tail) }),
    ...(options.since === undefined ? {} : { since: parseLogTime("since", options.since) }),
    ...(options.until === undefined ? {} : { until: parseLogTime("until", options.until) }),
    follows: options.follow ?? false,
    signal: stop.signal,
  });
  for await (const entry of entries) {
    const output = entry.stream === "stderr" ? process.stderr : process.stdout;
    if (options.timestamps === true && entry.isLineStart) output.write(`${formatLogTime(entry.time)} `);
    if (options.details === true && entry.isLineStart) output.write(" ");
    // A reader that is slower than the file is waited for.
    if (!output.write(entry.data)) await drained(output, stop.signal);
  }
}

function drained(output: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    output.once("drain", () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}

/** Docker takes a number that is negative, or none, for all. */
function parseTail(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TetherError("invalid-option", `invalid value for "tail": ${text}`);
}
