import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "../../hypervisor/index.ts";
import type { Event } from "../../protocol/control-messages.ts";
import { tether } from "../../protocol/generated/control.js";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type { ContainerRecord, RecordedExit } from "./container-record.ts";
import { awaitPowerOff } from "./await-power-off.ts";
import { discardContainer } from "./container-discard.ts";
import { hasGuest, isUp, observeState } from "./container-state.ts";
import { type Core, type KnownContainer, lockSettled, lookSettled } from "./core.ts";
import { type GuestAccess, notRunning, openGuest } from "./guest-access.ts";
import { writesToVolumes } from "./container-volumes.ts";
import { killMachine } from "./machine-end.ts";
import { settingsOf } from "./machine-start.ts";
import { toExit } from "./run-events.ts";

/** Docker's grace. */
const DEFAULT_GRACE_MS = 10_000;

/** What a guest may need beyond the grace to kill what is left and to say so; then its plug is pulled. */
const END_LIMIT_MS = 10_000;

/** How a process ended whose machine's plug was pulled. */
const KILLED: RecordedExit = { code: 0, signal: constants.signals.SIGKILL };

/** How a container is to be stopped. */
export interface StopOptions {
  /** Undefined for the container's own grace; negative for as long as it takes. */
  readonly graceMs?: number | undefined;
  /** Name or number; undefined for the container's stop signal. */
  readonly signal?: string | undefined;
}

/**
 * Asks a container's process to end, and kills it when it does not within the grace. Returns when it has ended. A
 * container that is not up is none to stop.
 *
 * @returns whether it was up.
 */
export async function stopContainer(core: Core, reference: string, options: StopOptions): Promise<boolean> {
  const { record, state } = await lookToEnd(core, reference);
  if (!isUp(state)) return false;
  if (!hasGuest({ record, state })) {
    core.journal.add("stop", record);
    return true;
  }
  const signal = options.signal === undefined ? 0 : parseSignal(options.signal);
  const graceMs = options.graceMs ?? record.settings?.stopTimeoutMs ?? DEFAULT_GRACE_MS;
  await endThroughGuest(core, record, graceMs < 0 ? undefined : graceMs + END_LIMIT_MS, ({ connection }) =>
    connection.request({ stopSession: { signal, graceMs: Math.max(-1, graceMs) } }),
  );
  core.journal.add("stop", record);
  return true;
}

/**
 * Sends a signal to a container's process; after SIGKILL it waits for its end, as Docker does.
 *
 * @throws TetherError `container-not-running` in Docker's words, `invalid-option`.
 */
export async function killContainer(core: Core, reference: string, signalText: string): Promise<void> {
  const signal = parseSignal(signalText);
  const stopSignal = core.containers.find(reference).settings?.stopSignal;
  const isEnd =
    signal === constants.signals.SIGKILL || (stopSignal !== undefined && signal === parseSignal(stopSignal));
  const { record, state } = await (isEnd ? lookToEnd : lookSettled)(core, reference);
  if (!isUp(state))
    throw new TetherError(
      "container-not-running",
      `Cannot kill container: ${reference}: ${notRunning(record.id).message}`,
    );
  // There is no process that a signal could be sent to. As with Docker that is no error.
  if (!hasGuest({ record, state })) return;
  if (signal === constants.signals.SIGKILL) {
    // No restart follows, as with Docker.
    await endThroughGuest(core, record, END_LIMIT_MS, ({ connection }) =>
      connection.request({ stopSession: { signal, graceMs: 0 } }),
    );
    return;
  }
  await using guest = await openGuest(core, record);
  await guest.connection.request(
    // With its stop signal a container is asked to end, not to be started again, as with Docker.
    settingsOf(record).restart.name !== "no" && signal === parseSignal(settingsOf(record).stopSignal)
      ? { stopSession: { signal, graceMs: -1 } }
      : { signalSession: { signal } },
  );
}

/**
 * From now on nothing starts the container again, even if its machine was lost this moment.
 *
 * @returns it as it was.
 */
async function lookToEnd(core: Core, reference: string): Promise<KnownContainer> {
  using container = await lockSettled(core, reference);
  const { record } = container;
  const state = observeState(core.containers, record);
  if ((record.settings?.restart.name ?? "no") !== "no") container.save({ ...record, isEnded: true });
  return { record: container.record, state };
}

/** Has the guest end its process; should it not be able to, its plug is pulled. Then the end is written down. */
async function endThroughGuest(
  core: Core,
  record: ContainerRecord,
  limitMs: number | undefined,
  ask: (guest: GuestAccess) => Promise<unknown>,
): Promise<void> {
  const exited = Promise.withResolvers<RecordedExit>();
  let exit: RecordedExit | undefined;
  try {
    exit = await askForEnd(core, record, limitMs, exited, ask);
  } catch (error) {
    if (!isSilence(error)) throw error;
    core.components.report(`${String(error instanceof Error ? error.message : error)}: ending its machine`);
  }
  if (exit === undefined && record.machine !== undefined) await killMachine(record.machine);
  await writeDown(core, record.id, exit);
}

async function askForEnd(
  core: Core,
  record: ContainerRecord,
  limitMs: number | undefined,
  exited: PromiseWithResolvers<RecordedExit>,
  ask: (guest: GuestAccess) => Promise<unknown>,
): Promise<RecordedExit | undefined> {
  await using guest = await openGuest(core, record, (event) => observeExit(event, exited));
  ask(guest)
    .then(() => observeSnapshot(guest, exited))
    .catch((error: unknown) => {
      // Its process may end, and the link with it, before the answer has come through.
      if (!(error instanceof TetherError) || error.code !== "guest-lost") exited.reject(error);
    });
  const limit = new AbortController();
  try {
    return await Promise.race([
      exited.promise,
      guest.machine.ended.then(() => undefined),
      guest.connection.closed.then(() => guest.machine.ended).then(() => undefined),
      ...(limitMs === undefined ? [] : [delay(limitMs, undefined, { signal: limit.signal })]),
    ]);
  } finally {
    limit.abort();
  }
}

function observeExit({ sessionId, exited }: Event, target: PromiseWithResolvers<RecordedExit>): void {
  if ((sessionId ?? "") === "" && exited && exited.willRestart !== true) target.resolve(toExit(exited));
}

/** A process that was waiting for its restart has ended already: there is no event to come. */
async function observeSnapshot(
  { connection }: GuestAccess,
  target: PromiseWithResolvers<RecordedExit>,
): Promise<void> {
  const { sessions } = await connection.snapshot();
  const main = sessions?.find(({ id }) => (id ?? "") === "");
  if (main?.phase === tether.control.Phase.DRAINED && main.exit) target.resolve(toExit(main.exit));
}

/** A guest that does not speak any more can still be switched off. */
function isSilence(error: unknown): boolean {
  return (
    error instanceof TetherError &&
    ["guest-not-connected", "guest-lost", "link-protocol"].includes(error.code)
  );
}

/** The machine may still be powering off: who starts or removes the container waits for that. */
async function writeDown(core: Core, id: string, exit: RecordedExit | undefined): Promise<void> {
  try {
    using container = await lockSettled(core, id);
    const { record } = container;
    if (record.exit !== undefined) return;
    // Whoever is attached in the foreground takes the rest of the output, and writes it down itself.
    if (record.owner !== undefined && isRunning(record.owner)) return;
    if (record.settings?.autoRemove === true) {
      if (writesToVolumes(record)) await awaitPowerOff(record.machine);
      else if (record.machine !== undefined) await killMachine(record.machine);
      discardContainer(core, container);
      return;
    }
    container.save({ ...record, exit: exit ?? KILLED, finished: new Date().toISOString() });
  } catch (error) {
    // It was to be removed at its end, or somebody else has.
    if (!(error instanceof TetherError) || error.code !== "no-such-container") throw error;
  }
}
