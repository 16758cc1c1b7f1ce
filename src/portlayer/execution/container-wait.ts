import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type AdoptedMachine, isRunning } from "../../hypervisor/index.ts";
import type { Event } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { FolderWatch } from "../interaction/log/index.ts";
import { exitStatus, type RecordedExit } from "./container-record.ts";
import { hasGuest, isUp, readExit } from "./container-state.ts";
import { type Core, type KnownContainer, lookSettled } from "./core.ts";
import { readLogEvents } from "./guest-outcome.ts";
import { LOG } from "./machine-start.ts";
import { findExit, lastRun, toExit } from "./run-events.ts";

/** The log of a process that prints without a pause is not looked through more often: 2 ms each. */
const LOOK_PAUSE_MS = 20;

/** Whether there still is an endpoint, for one that waits to be started by it, is looked at as often as this. */
const SERVED_LOOK_MS = 1_000;

/**
 * Waits until the container's process ends, if it is up: until the exit is written down, not until its machine is
 * gone. As with Docker, an exit that a restart follows is one, too. One that is to be removed at its end is removed
 * when this returns.
 *
 * @returns Docker's exit status; 0 for one that has never run.
 * @throws the signal's reason.
 */
export async function waitForContainer(
  core: Core,
  reference: string,
  signal: AbortSignal = NEVER,
): Promise<number> {
  const { containers, components } = core;
  const record = containers.find(reference);
  let exit = record.exit ?? readExit(containers, record);
  for (;;) {
    signal.throwIfAborted();
    const known = await lookUntilGone(core, record.id);
    if (known === undefined) return toStatus(exit);
    exit = known.record.exit ?? readExit(containers, known.record);
    const isRemoved = known.record.settings?.autoRemove === true;
    const { machine: identity } = known.record;
    const isGoing = isRemoved && identity !== undefined && isRunning(identity);
    if (!isUp(known.state) && !isGoing) return toStatus(exit);
    if (isResting(known)) {
      await untilStirred(core, record.id, signal);
      continue;
    }
    const folder = containers.folderOf(record.id);
    const machine = components.driver.adopt({ identity: identity ?? NOBODY, folder });
    if (machine === undefined) continue;
    await using present = machine;
    const next = await nextExit(join(folder, LOG), present, signal);
    if (next !== undefined && !isRemoved) return toStatus(next);
    await Promise.race([present.ended, aborted(signal)]);
    // Whoever looks next removes a container that was to be removed at its end, and its log.
    exit = next ?? readExit(containers, known.record) ?? KILLED;
  }
}

const NEVER = new AbortController().signal;

function aborted(signal: AbortSignal): Promise<unknown> {
  return signal === NEVER ? new Promise(() => {}) : once(signal, "abort");
}

const NOBODY = { pid: 0, startTime: "" };
const KILLED: RecordedExit = { code: 0, signal: constants.signals.SIGKILL };

function toStatus(exit: RecordedExit | undefined): number {
  return exit === undefined ? 0 : exitStatus(exit);
}

/** The next exit of one that waits for its start after its machine was lost is still to come, as with Docker. */
function isResting(known: KnownContainer): boolean {
  return isUp(known.state) && !hasGuest(known);
}

/** Until it is started, or stopped, or nobody is there any more to start it. */
async function untilStirred(core: Core, id: string, signal: AbortSignal): Promise<void> {
  // Before the look, so that nothing falls in between.
  using watch = new FolderWatch(core.containers.changeMarkOf(id));
  const known = await lookUntilGone(core, id);
  if (known === undefined || !isResting(known)) return;
  await watch.changed([AbortSignal.timeout(SERVED_LOOK_MS), ...(signal === NEVER ? [] : [signal])]);
}

/** @returns undefined for one that was removed at its end, as it was to be. */
async function lookUntilGone(core: Core, id: string): Promise<KnownContainer | undefined> {
  try {
    return await lookSettled(core, id);
  } catch (error) {
    if (error instanceof TetherError && error.code === "no-such-container") return undefined;
    throw error;
  }
}

/** @returns the exit that comes next in the log, or has just come; undefined when the machine ends without one. */
export async function nextExit(
  log: string,
  machine: Pick<AdoptedMachine, "ended">,
  signal: AbortSignal = NEVER,
): Promise<RecordedExit | undefined> {
  const gone = new AbortController();
  void machine.ended.then(() => gone.abort());
  // Before the first look, so that nothing falls in between.
  using watch = new FolderWatch(log);
  const first = lastRun(readLogEvents(log));
  const known = first.at(-1)?.sequence ?? 0;
  // A process that waits for its restart has ended before this began.
  const present = first.findLast(isOfMain)?.exited?.willRestart === true ? undefined : findExit(first);
  if (present !== undefined) return present;
  while (!gone.signal.aborted) {
    await watch.changed(signal === NEVER ? [gone.signal] : [gone.signal, signal]);
    signal.throwIfAborted();
    const later = lastRun(readLogEvents(log)).filter(({ sequence }) => (sequence ?? 0) > known);
    const exited = later.find((event) => isMain(event) && event.exited)?.exited;
    if (exited) return toExit(exited);
    await delay(LOOK_PAUSE_MS);
  }
  return undefined;
}

function isMain({ sessionId }: Event): boolean {
  return (sessionId ?? "") === "";
}

/** What tells whether the process runs. */
function isOfMain(event: Event): boolean {
  return isMain(event) && Boolean(event.started ?? event.exited ?? event.restarting);
}
