import { isRunning } from "../../hypervisor/index.ts";
import type { ContainerRecord, Restarts } from "./container-record.ts";
import { startDetached } from "./container-start.ts";
import { observeState } from "./container-state.ts";
import { type Core, lockSettled, look } from "./core.ts";
import { isKeptUp, isToComeBack, nextPauseMs } from "./restart-policy.ts";

/**
 * Why containers are started again: `lost`, as their machines were while they ran, and with them the agents that
 * restart processes; `begin`, as whoever serves them begins, which Docker's policies mean as well.
 */
export type RestartOccasion = "lost" | "begin";

/** A container that is to be started again, after a pause. */
export interface DueRestart {
  readonly id: string;
  readonly pauseMs: number;
}

/** Containers that are to be started again; what became of them while nobody looked is written down. */
export function dueRestarts(core: Core, occasion: RestartOccasion): DueRestart[] {
  return core.containers.list().flatMap((record) => {
    // Most containers most of the time.
    if ((record.settings?.restart.name ?? "no") === "no" || isMachineUp(record)) return [];
    const settled = record.machine === undefined ? record : look(core, record)?.record;
    const next = settled === undefined ? undefined : nextRestart(core, settled, occasion);
    return next === undefined ? [] : [{ id: record.id, pauseMs: next.pauseMs }];
  });
}

/**
 * Starts a container again if it is still due. One that could not be started stays due, after a longer pause.
 *
 * @returns whether it was started by this call.
 * @throws TetherError why it cannot be started.
 */
export async function startAgain(
  core: Core,
  id: string,
  occasion: RestartOccasion,
  signal: AbortSignal,
): Promise<boolean> {
  using container = await lockSettled(core, id, signal);
  const next = nextRestart(core, container.record, occasion);
  if (next === undefined) return false;
  try {
    return await startDetached(core, container, signal, next);
  } catch (error) {
    container.save({ ...container.record, restarts: next, isLost: true, isEnded: false });
    throw error;
  }
}

function nextRestart(core: Core, record: ContainerRecord, occasion: RestartOccasion): Restarts | undefined {
  const policy = record.settings?.restart;
  if (policy === undefined || record.started === undefined || isMachineUp(record)) return undefined;
  if (occasion === "begin" && isKeptUp(policy, record)) return { count: 0, pauseMs: 0 };
  const { restartCount: count } = observeState(core.containers, record);
  if (!isToComeBack(record, count)) return undefined;
  return { count: count + 1, pauseMs: nextPauseMs(record) };
}

function isMachineUp({ machine }: ContainerRecord): boolean {
  return machine !== undefined && isRunning(machine);
}
