import { setTimeout as delay } from "node:timers/promises";
import type { Sample } from "./sample-shape.ts";
import type { Group, StatisticsChannel } from "./statistics-channel.ts";

/** Two samples of one container VM, for figures of the time between them. */
export interface SamplePair {
  readonly now: Sample;
  readonly before: Sample;
}

/** The guest keeps a sample of each second: the last second, and what its clock's turns may add. */
const PAST_MS = 1_500;

/** A shorter time says little: CPU time of a process that runs on another CPU is counted at its ticks, 4 ms apart. */
const MIN_GAP_MS = 300;

/**
 * A sample of now and an earlier one: of a second ago, as the guest has kept it, so that there is nothing to wait for;
 * of a guest that has kept none yet, because it has just been started, 0.3 s apart.
 *
 * @throws TetherError what {@link StatisticsChannel} throws; the signal's reason.
 */
export async function takePair(
  statistics: StatisticsChannel,
  groups: readonly Group[],
  signal: AbortSignal,
): Promise<SamplePair> {
  const first = await statistics.sample(groups);
  const firstMs = Math.floor(first.monotonicUs / 1000);
  const [past] = await statistics.history(Math.max(0, firstMs - PAST_MS));
  if (past !== undefined && first.monotonicUs - past.monotonicUs >= MIN_GAP_MS * 1000)
    return { now: first, before: past };
  await delay(MIN_GAP_MS, undefined, { signal });
  return { now: await statistics.sample(groups), before: first };
}
