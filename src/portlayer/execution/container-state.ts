import { constants } from "node:os";
import { join } from "node:path";
import { CONSOLE_LOG, isRunning } from "../../hypervisor/index.ts";
import type { Event, Time } from "../../protocol/control-messages.ts";
import { type ContainerRecord, exitStatus, type RecordedExit } from "./container-record.ts";
import { isChecked } from "./container-settings.ts";
import { discardContainer } from "./container-discard.ts";
import type { ContainerStore, LockedContainer } from "./container-store.ts";
import type { EventJournal } from "./event-journal.ts";
import { eventError, explainConsole, readLogEvents } from "./guest-outcome.ts";
import { LOG } from "./machine-start.ts";
import { isToComeBack } from "./restart-policy.ts";
import { findExit, lastRun, toExit } from "./run-events.ts";

/** Docker's words for what a container is doing. */
export type ContainerStatus = "created" | "running" | "paused" | "restarting" | "exited" | "dead";

/** Docker's words for a container's health. */
export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** A container's state, as far as it is known without asking its guest. */
export interface ContainerState {
  readonly status: ContainerStatus;
  /** The main process's number in the guest, while there is one. */
  readonly pid: number | undefined;
  /**
   * Undefined without a health check, and before the first start. One that has ended is unhealthy, as Docker has it, until
   * it runs again.
   */
  readonly health: HealthStatus | undefined;
  readonly restartCount: number;
  readonly isOutOfMemory: boolean;
  /** How its process ended last, and when; undefined while it is up for the first time. */
  readonly exit: RecordedExit | undefined;
  readonly finished: string | undefined;
}

const KILLED: RecordedExit = { code: 0, signal: constants.signals.SIGKILL };

/** True for a container whose process runs, is frozen, or is about to be started again. */
export function isUp({ status }: Pick<ContainerState, "status">): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}

/** True for one that is up and has a guest that can be asked: what waits for its start after its machine was lost has none. */
export function hasGuest({
  record,
  state,
}: {
  readonly record: Pick<ContainerRecord, "machine">;
  readonly state: Pick<ContainerState, "status">;
}): boolean {
  return isUp(state) && (state.status !== "restarting" || record.machine !== undefined);
}

/** Looks at a container: its record, its machine's process, and what its guest has reported so far. */
export function observeState(store: ContainerStore, record: ContainerRecord): ContainerState {
  const events = record.started === undefined ? [] : eventsOf(store, record);
  const restartCount = (record.restarts?.count ?? 0) + restartsOfGuest(events);
  const isComing = record.machine === undefined && isToComeBack(record, restartCount) && store.isServed;
  const status = isComing ? "restarting" : statusOf(record, events);
  const isActive = isUp({ status });
  const exited = events.findLast((event) => isMain(event) && event.exited);
  const started = events.findLast((event) => isMain(event) && event.started);
  const health = events.findLast((event) => event.health)?.health;
  return {
    status,
    pid: isActive && !isComing ? (started?.started?.pid ?? undefined) : undefined,
    health: isChecked(record.settings?.health) ? healthOf(record, status, health?.status) : undefined,
    restartCount,
    isOutOfMemory: record.exit?.isOutOfMemory ?? exited?.exited?.outOfMemory === true,
    exit: record.exit ?? (exited?.exited ? toExit(exited.exited) : undefined),
    finished: record.finished ?? (exited?.time ? toIsoTime(exited.time) : undefined),
  };
}

function restartsOfGuest(events: readonly Event[]): number {
  return events.findLast(({ restarting }) => restarting)?.restarting?.count ?? 0;
}

const HEALTH: readonly HealthStatus[] = ["starting", "healthy", "unhealthy"];

function healthOf(
  { started }: ContainerRecord,
  status: ContainerStatus,
  reported: number | null | undefined,
): HealthStatus | undefined {
  if (isUp({ status }) && status !== "restarting") return HEALTH[reported ?? 0];
  return started === undefined ? undefined : "unhealthy";
}

/**
 * Writes down how a container ended that nobody was connected to, when it has.
 *
 * @returns the record as it is now; undefined when the container was to be removed at its end, and is.
 */
export function settle(
  core: { readonly containers: ContainerStore; readonly journal: EventJournal },
  container: LockedContainer,
): ContainerRecord | undefined {
  const { record } = container;
  if (record.machine === undefined || isRunning(record.machine)) return record;
  const isOwned = record.owner !== undefined && isRunning(record.owner);
  if (record.settings?.autoRemove === true && !isOwned) {
    discardContainer(core, container);
    return undefined;
  }
  const { machine: _machine, ...rest } = record;
  if (record.exit === undefined)
    saveOutcome(core, container, { ...rest, ...outcomeOf(core.containers, record) });
  else container.save(rest);
  return container.record;
}

/** Of a container whose machine was lost while it ran, no guest tells the end. */
function saveOutcome(
  { containers, journal }: { readonly containers: ContainerStore; readonly journal: EventJournal },
  container: LockedContainer,
  outcome: ContainerRecord,
): void {
  // A start that failed is told as an end, too.
  const isTold = eventsOf(containers, container.record).findLast(isMain)?.failed;
  container.save(outcome);
  if (!isTold && outcome.exit === KILLED)
    journal.add("die", outcome, { exitCode: String(exitStatus(KILLED)) });
}

/** A guest that has ended leaves word in its log, or at least on its console. */
function outcomeOf(
  store: ContainerStore,
  record: ContainerRecord,
): Pick<ContainerRecord, "exit" | "error" | "finished" | "isLost"> {
  const events = eventsOf(store, record);
  const exit = findExit(events);
  const willRestart = events.findLast((event) => isMain(event) && event.exited)?.exited?.willRestart === true;
  const last = events.at(-1)?.time;
  const finished = last ? toIsoTime(last) : new Date().toISOString();
  if (exit !== undefined) return { exit, finished, ...(willRestart ? { isLost: true } : {}) };
  const error =
    events
      .filter(isMain)
      .map(eventError)
      .find((each) => each !== undefined) ?? explainConsole(join(store.folderOf(record.id), CONSOLE_LOG));
  const neverRan = !events.some((event) => isMain(event) && event.started);
  return {
    exit: neverRan ? { code: error.entry.exitCode, signal: 0 } : KILLED,
    error: error.message,
    finished,
    ...(neverRan ? {} : { isLost: true }),
  };
}

/** Whether the process of a container's latest run has run, as its guest has written it down. */
export function hasStarted(store: ContainerStore, record: ContainerRecord): boolean {
  return (
    record.started !== undefined && eventsOf(store, record).some((event) => isMain(event) && event.started)
  );
}

/** How the latest run of a container ended, as its guest has written it down. */
export function readExit(store: ContainerStore, record: ContainerRecord): RecordedExit | undefined {
  return record.started === undefined ? undefined : findExit(eventsOf(store, record));
}

/** Wall-clock time as records have it. A guest that names none which is one is not believed. */
function toIsoTime({ seconds, nanoseconds }: Time): string {
  const time = new Date((seconds ?? 0) * 1000 + (nanoseconds ?? 0) / 1e6);
  return Number.isNaN(time.getTime()) ? new Date().toISOString() : time.toISOString();
}

function statusOf(record: ContainerRecord, events: readonly Event[]): ContainerStatus {
  const isMachineUp = record.machine !== undefined && isRunning(record.machine);
  if (!isMachineUp) return statusWithoutMachine(record);
  if (record.exit !== undefined) return "exited";
  const last = events.findLast(
    (event) => isMain(event) && (event.started ?? event.exited ?? event.failed ?? event.restarting),
  );
  if (last?.restarting) return "restarting";
  if (last?.exited?.willRestart === true) return "restarting";
  // The machine is just powering off.
  if (last?.failed || last?.exited) return "exited";
  const frozen = events.findLast(({ paused, unpaused }) => paused ?? unpaused);
  return frozen?.paused ? "paused" : "running";
}

/**
 * A container whose `vch` was killed while it made it is dead until it is removed. One that could not be started has
 * an exit, as Docker's have, but has never run.
 */
function statusWithoutMachine(record: ContainerRecord): ContainerStatus {
  if (record.machine !== undefined) return "exited";
  if (record.exit !== undefined) return record.started === undefined ? "created" : "exited";
  if (record.owner !== undefined && !isRunning(record.owner)) return "dead";
  return "created";
}

function eventsOf(store: ContainerStore, { id }: ContainerRecord): readonly Event[] {
  return lastRun(readLogEvents(join(store.folderOf(id), LOG)));
}

function isMain({ sessionId }: Event): boolean {
  return (sessionId ?? "") === "";
}
