import { type Command, Option } from "commander";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Execution } from "../../portlayer/execution/index.ts";
import { runTool } from "../../portlayer/storage/index.ts";
import type { Context } from "../context.ts";
import { watchOutputs } from "../output-errors.ts";
import { parseDuration } from "../parse-duration.ts";
import { SignalProxy } from "../signal-proxy.ts";
import { type Choose, chooseFrom } from "./chosen-containers.ts";

interface StatsOptions {
  readonly all?: true;
  readonly stream: boolean;
  readonly trunc: boolean;
  readonly format?: string;
  readonly facts?: true;
  readonly record?: string;
  readonly plot?: string;
  readonly from?: string;
  readonly duration?: number;
}

/** Adds `vch stats`. */
export function addStatsCommand(program: Command, context: Context): void {
  program
    .command("stats")
    .description("Show what container VMs use of CPU, memory, network and disks, live")
    .argument("[container...]", "names, ids or beginnings of ids; all that run if left out")
    .option("-a, --all", "show those that do not run too")
    .option("--no-stream", "show it once")
    .option("--no-trunc", "do not shorten ids")
    .option("--format <template>", "json, table, or a Go template of ID, Name, CPUPerc, MemUsage, NetIO …")
    .addOption(
      new Option(
        "--facts",
        "show as JSON what their machines are: hardware, firmware, kernel, devices",
      ).conflicts([...["record", "plot", "from", "duration", "format", "all", "stream", "trunc"]]),
    )
    .option("--record <file>", "show nothing and write a recording, until ^C")
    .option("--plot <file>", "show nothing and draw a picture (.svg, .png) at the end")
    .addOption(new Option("--from <file>", "with --plot: draw a recording").conflicts(["record", "duration"]))
    .option("--duration <time>", "with --record or --plot: end after 10m, 90s …", parseDuration)
    .action(async (references: string[], options: StatsOptions) => {
      checkOptions(options);
      using signals = new SignalProxy(false);
      using _outputs = watchOutputs((reason) => signals.end(reason));
      // A guest that hangs, and is still being asked, does not hold its end up.
      context.leaveMachines();
      if (options.facts === true) return await facts(references, options, context, signals.abort);
      const isRecorded = options.record !== undefined || options.plot !== undefined;
      await (isRecorded ? record : show)(references, options, context, signals.abort);
    });
}

function checkOptions({
  record: file,
  plot,
  from,
  duration,
  stream,
  format,
  trunc,
  all,
}: StatsOptions): void {
  const refuse = (message: string): never => {
    throw new TetherError("usage", message);
  };
  if (from !== undefined && plot === undefined)
    refuse("--from needs --plot: what is to be drawn of it, and where");
  const isShown = file === undefined && plot === undefined;
  if (isShown && duration !== undefined) refuse("--duration needs --record or --plot");
  if (!isShown && (!stream || !trunc || format !== undefined || all === true))
    refuse(
      "--record and --plot show nothing: --all, --no-stream, --no-trunc and --format do not go with them",
    );
}

/**
 * Code is loaded for what is asked only. What each start loads anyway is handed to it: a module that it would import
 * is made one that is loaded later by the bundler, which costs each start.
 */
async function show(
  references: readonly string[],
  options: StatsOptions,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const { showOnce, showLive } = await import("./show-statistics.ts");
  const { makeLayout } = await import("./statistics-row.ts");
  const request = {
    ...wanted(references, options, context),
    isTruncated: options.trunc,
    layout: makeLayout(options.format),
    signal,
  };
  await (options.stream ? showLive : showOnce)(request, process.stdout);
}

async function facts(
  references: readonly string[],
  options: StatsOptions,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const { showFacts } = await import("./show-facts.ts");
  await showFacts({ ...wanted(references, options, context), signal }, process.stdout);
}

async function record(
  references: readonly string[],
  options: StatsOptions,
  context: Context,
  signal: AbortSignal,
): Promise<void> {
  const { plotRecording, recordStatistics } = await import("./record-statistics.ts");
  if (options.from !== undefined) return plotRecording(options.from, options.plot ?? "", references, runTool);
  return recordStatistics({
    ...wanted(references, options, context),
    runTool,
    recordPath: options.record,
    plotPath: options.plot,
    durationMs: options.duration,
    signal,
  });
}

function wanted(
  references: readonly string[],
  { all }: StatsOptions,
  context: Context,
): { choose: Choose; isNamed: boolean; open: Execution["openStatistics"] } {
  const execution = context.openExecution();
  return {
    choose: chooseFrom(execution, { references, isAll: all === true }),
    isNamed: references.length > 0,
    open: (id, signal) => execution.openStatistics(id, signal),
  };
}
