import { isRunning } from "../../hypervisor/index.ts";
import { awaitAbandonedStart, endAbandonedStart, isMarkedStart } from "./abandoned-start.ts";
import type { ContainerRecord } from "./container-record.ts";
import { type ContainerState, observeState, settle } from "./container-state.ts";
import type { ContainerStore, LockedContainer } from "./container-store.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { EventJournal } from "./event-journal.ts";
import type { VolumeStore } from "../storage/index.ts";
import type { ExecutionComponents } from "./execution-components.ts";
import type { KeptGuests } from "./kept-guests.ts";
import type { Turns } from "./turns.ts";
import { wakeAbandoned } from "./wake-abandoned.ts";

/** What every operation on containers works with. */
export interface Core {
  readonly components: ExecutionComponents;
  readonly containers: ContainerStore;
  readonly journal: EventJournal;
  readonly volumes: VolumeStore;
  readonly guests: KeptGuests;
  /** Of starts. */
  readonly starts: Turns;
  /** Of connections to guests that are being made. */
  readonly handshakes: Turns;
}

/** A container as it is at this moment. */
export interface KnownContainer {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

/**
 * Waits until nobody changes the container any more (one that is being started has started or failed), settles what
 * happened while nobody looked, and keeps it from others until it is disposed of.
 *
 * @throws TetherError `no-such-container`; also when it was to be removed at its end, which has come.
 */
export async function lockSettled(
  core: Core,
  reference: string,
  signal?: AbortSignal,
): Promise<LockedContainer> {
  const container = await core.containers.lock(reference, signal);
  let settled: ContainerRecord | undefined;
  try {
    await awaitAbandonedStart(container);
    settled = settle(core, container);
    if (settled !== undefined) await wakeAbandoned(core.components, container);
  } catch (error) {
    container[Symbol.dispose]();
    throw error;
  }
  if (settled !== undefined) return container;
  container[Symbol.dispose]();
  throw new TetherError("no-such-container", `No such container: ${reference}`);
}

/** The container once nobody changes it; others may do so right afterwards. */
export async function lookSettled(
  core: Core,
  reference: string,
  signal?: AbortSignal,
): Promise<KnownContainer> {
  using container = await lockSettled(core, reference, signal);
  return { record: container.record, state: observeState(core.containers, container.record) };
}

/** The container at once: what others are changing this moment is taken as it is. */
export function look(core: Core, record: ContainerRecord): KnownContainer | undefined {
  const { containers } = core;
  if (isSettled(containers.folderOf(record.id), record))
    return { record, state: observeState(containers, record) };
  let settled: ContainerRecord | undefined = record;
  using container = tryLock(containers, record.id);
  if (container !== undefined) {
    endAbandonedStart(container);
    settled = settle(core, container);
  }
  return settled === undefined ? undefined : { record: settled, state: observeState(containers, settled) };
}

/** Nothing is to be written down: most containers most of the time, and a lock costs a millisecond. */
function isSettled(folder: string, { machine }: ContainerRecord): boolean {
  return !isMarkedStart(folder) && (machine === undefined || isRunning(machine));
}

function tryLock(containers: ContainerStore, id: string): LockedContainer | undefined {
  try {
    return containers.tryLock(id);
  } catch {
    // It is being removed; what was known of it is all there is.
    return undefined;
  }
}
