import { setTimeout as delay } from "node:timers/promises";
import type { Execution } from "../../portlayer/execution/index.ts";
import type { ToolRunner } from "../../portlayer/storage/index.ts";
import { type RecordedContainer, type Sample, StatisticsWatcher } from "../../portlayer/statistics/index.ts";
import { readRecording, RecordingWriter } from "../../portlayer/statistics/recording/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { Interruption } from "../interruption.ts";
import type { Choose } from "./chosen-containers.ts";
import { PlotData } from "./plot/plot-data.ts";
import { drawPlot } from "./plot/draw-plot.ts";
import { openPlotFile } from "./plot/plot-file.ts";

/** Where a run's statistics go. */
export interface RecordRequest {
  readonly choose: Choose;
  /** Whether they were named: then their end is the command's. */
  readonly isNamed: boolean;
  readonly open: Execution["openStatistics"];
  /** Starts what makes a PNG. */
  readonly runTool: ToolRunner;
  /** A new file. */
  readonly recordPath: string | undefined;
  /** A picture, drawn at the end. */
  readonly plotPath: string | undefined;
  /** Undefined: until the signal. */
  readonly durationMs: number | undefined;
  readonly signal: AbortSignal;
}

const PERIOD_MS = 1_000;

/**
 * Takes the statistics of containers that come and go, one sample a second, into a recording, a picture, or both; until
 * the time is over, the user interrupts it, or the containers that were named are gone. All of these are a good end.
 *
 * @throws TetherError what `RecordingWriter` and `openPlotFile` throw; `container-not-running` when there is nothing to
 *   draw.
 */
export async function recordStatistics(request: RecordRequest): Promise<void> {
  const { recordPath, plotPath, runTool } = request;
  const plot = plotPath === undefined ? undefined : await openPlotFile(plotPath, runTool);
  using resources = new DisposableStack();
  const writer = recordPath === undefined ? undefined : resources.use(new RecordingWriter(recordPath));
  const data = new PlotData();
  await takeSamples(request, (container, sample) => {
    writer?.add(container, sample);
    if (plot !== undefined) data.add(container, Date.now(), sample);
  });
  await plot?.write(draw(data));
}

/**
 * Draws a recording.
 *
 * @param references containers of it, by their names or the beginnings of their ids; none: all.
 * @throws TetherError what `readRecording` and `openPlotFile` throw; `no-such-container`.
 */
export async function plotRecording(
  recordingPath: string,
  plotPath: string,
  references: readonly string[],
  runTool: ToolRunner,
): Promise<void> {
  const plot = await openPlotFile(plotPath, runTool);
  const data = new PlotData();
  const found = new Set<string>();
  for await (const { container, receivedMs, sample } of readRecording(recordingPath)) {
    const called = references.filter((each) => container.name === each || container.id.startsWith(each));
    if (references.length > 0 && called.length === 0) continue;
    for (const each of called) found.add(each);
    data.add(container, receivedMs, sample);
  }
  const missing = references.find((each) => !found.has(each));
  if (missing !== undefined)
    throw new TetherError("no-such-container", `${recordingPath} has nothing of a container ${missing}`);
  await plot.write(draw(data));
}

function draw({ containers }: PlotData): string {
  if (containers.length === 0)
    throw new TetherError("container-not-running", "there is nothing to draw: no container VM ran");
  return drawPlot(containers);
}

type OnSample = (container: RecordedContainer, sample: Sample) => void;

async function takeSamples(
  { choose, isNamed, open, durationMs, signal }: RecordRequest,
  onSample: OnSample,
): Promise<void> {
  const failure = new AbortController();
  const over = durationMs === undefined ? [] : [AbortSignal.timeout(durationMs)];
  const end = AbortSignal.any([signal, failure.signal, ...over]);
  // Of containers that may be gone by now.
  const records = new Map<string, RecordedContainer>();
  await using watcher = new StatisticsWatcher({
    open,
    subscription: { periodMs: PERIOD_MS },
    takesPast: false,
    onSample: (id, sample) => {
      const record = records.get(id);
      try {
        if (record !== undefined) onSample(record, sample);
      } catch (error) {
        // A disk that is full ends all of it.
        failure.abort(error);
      }
    },
  });
  while (!end.aborted) {
    const chosen = choose();
    if (chosen.length === 0 && isNamed) break;
    for (const { record } of chosen) records.set(record.id, record);
    watcher.watch(chosen.filter(({ isUp }) => isUp).map(({ record }) => record.id));
    await delay(PERIOD_MS, undefined, { signal: end }).catch(() => {
      // The loop's condition tells.
    });
  }
  failure.signal.throwIfAborted();
  if (signal.aborted && !(signal.reason instanceof Interruption)) signal.throwIfAborted();
}
