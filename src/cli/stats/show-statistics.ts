import { setTimeout as delay } from "node:timers/promises";
import type { Execution } from "../../portlayer/execution/index.ts";
import {
  type Figures,
  figuresOf,
  type SamplePair,
  StatisticsWatcher,
  takePair,
} from "../../portlayer/statistics/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { StatsGroup } from "../../protocol/stats-messages.ts";
import type { Choose, Chosen } from "./chosen-containers.ts";
import { drawOn, type Output, printOn } from "./statistics-output.ts";
import { describeStatistics, type Layout } from "./statistics-row.ts";

/** What of the statistics is to be shown. */
export interface ShowRequest {
  readonly choose: Choose;
  /** Whether they were named: then an error of one is the command's, and their end is its end. */
  readonly isNamed: boolean;
  readonly open: Execution["openStatistics"];
  readonly isTruncated: boolean;
  readonly layout: Layout;
  readonly signal: AbortSignal;
}

/** What Docker's figures are made of. */
export const FIGURE_GROUPS = [
  StatsGroup.CONTAINER_CPU,
  StatsGroup.CONTAINER_MEMORY,
  StatsGroup.CONTAINER_IO,
  StatsGroup.CONTAINER_PIDS,
  StatsGroup.MACHINE_MEMORY,
  StatsGroup.NETWORK,
];

/** A sample each second, as with Docker. */
const PERIOD_MS = 1_000;

/** Docker's client draws twice a second. */
const REDRAW_MS = 500;

/** The first picture waits so long for a guest that is slow; the next ones show what there is. */
const FIRST_LIMIT_MS = 2_000;

/**
 * In a list of all, one that does not answer is shown with dashes after this time; Docker's client waits 2 s, for
 * containers that share its machine's kernel.
 */
const ANSWER_LIMIT_MS = 5_000;

/** Shows each container's statistics once; those of the last second. */
export async function showOnce(request: ShowRequest, output: Output): Promise<void> {
  checkLayout(request);
  const { signal } = request;
  const limited = request.isNamed ? signal : AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const rows = await Promise.all(
    request.choose().map(async (each) => {
      const pair = await pairOf(each, request.open, limited).catch((error: unknown) => {
        signal.throwIfAborted();
        // Who asks for it by its name is to know; in a list of all it is one that does not answer.
        if (request.isNamed) throw error;
        return undefined;
      });
      const figures = pair && figuresOf(pair.now, pair.before);
      return describeStatistics(each, figures, request.isTruncated);
    }),
  );
  await printOn(output, request.layout(rows, true), signal);
}

async function pairOf(
  { record, isUp }: Chosen,
  open: ShowRequest["open"],
  signal: AbortSignal,
): Promise<SamplePair | undefined> {
  if (!isUp) return undefined;
  await using access = await open(record.id, signal);
  const close = (): void => access.statistics.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    return await takePair(access.statistics, FIGURE_GROUPS, signal);
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/**
 * Shows the statistics until the signal, or until the containers that were named are gone: in place on a terminal,
 * elsewhere as lines, each second.
 *
 * @throws the signal's reason.
 */
export async function showLive(request: ShowRequest, output: Output): Promise<void> {
  checkLayout(request);
  const { choose, open, signal, layout, isTruncated } = request;
  await using watcher = new StatisticsWatcher({
    open,
    subscription: { periodMs: PERIOD_MS, groups: FIGURE_GROUPS },
    takesPast: true,
  });
  const redraw = output.isTTY === true ? drawOn(output) : undefined;
  for (let isFirst = true; ; isFirst = false) {
    const chosen = choose();
    // All that were named have been removed.
    if (chosen.length === 0 && request.isNamed) return;
    watcher.watch(chosen.filter(({ isUp }) => isUp).map(({ record }) => record.id));
    if (isFirst) await firstOf(watcher, signal);
    const rows = chosen.map((each) =>
      describeStatistics(each, latestOf(watcher, each.record.id), isTruncated),
    );
    if (redraw === undefined) await printOn(output, layout(rows, isFirst), signal);
    else redraw(layout(rows, true));
    await pause(redraw === undefined ? PERIOD_MS : REDRAW_MS, signal);
  }
}

async function firstOf(watcher: StatisticsWatcher, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const limit = pause(FIRST_LIMIT_MS, AbortSignal.any([signal, enough.signal]));
  limit.catch(() => {});
  await Promise.race([watcher.settled(), limit]);
  enough.abort();
  signal.throwIfAborted();
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}

function latestOf(watcher: StatisticsWatcher, id: string): Figures | undefined {
  const { now, before } = watcher.latest(id) ?? {};
  return now === undefined ? undefined : figuresOf(now, before);
}

/** A template that cannot be is refused before anything is asked. */
function checkLayout({ layout }: ShowRequest): void {
  try {
    const record = { id: "", name: "", image: "", cpus: 1 };
    layout([describeStatistics({ record, called: "", shortId: "" }, undefined, true)], true);
  } catch (error) {
    throw TetherError.from(error, "invalid-option", "--format");
  }
}
