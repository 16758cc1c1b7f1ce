import { join } from "node:path";
import { CONSOLE_LOG } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { awaitPowerOff } from "./await-power-off.ts";
import type { Restarts } from "./container-record.ts";
import { hasGuest, hasStarted, isUp, observeState, settle } from "./container-state.ts";
import type { LockedContainer } from "./container-store.ts";
import type { Core } from "./core.ts";
import { recordFailedStart } from "./failed-start.ts";
import { LOG, settingsOf, startMachine } from "./machine-start.ts";
import { killMachine } from "./machine-end.ts";

/** No terminal, no input, and nothing to write to: the log has the output. */
const NO_STREAMS = { input: undefined, output: process.stdout, errorOutput: process.stderr };

/**
 * Starts a container with nobody attached; returns once its process runs. The container VM needs no process of ours
 * from then on. A container that is up already stays as it is.
 *
 * @param container locked by the caller.
 * @param restarts counts a start that its restart policy asks for; undefined: somebody wants it.
 * @returns whether it was started by this call.
 * @throws TetherError what kept it from running; the container is kept, with the error in its record.
 */
export async function startDetached(
  core: Core,
  container: LockedContainer,
  signal: AbortSignal,
  restarts?: Restarts,
): Promise<boolean> {
  if (!(await prepareStart(core, container, restarts !== undefined))) return false;
  const before = container.record;
  try {
    await startAndLeave(core, container, signal, restarts);
  } catch (error) {
    const { record } = container;
    const isPoweredOn = record.started !== before.started;
    // Its machine was lost the moment after.
    const isLoss = !signal.aborted && isPoweredOn && hasStarted(core.containers, record);
    if (!isLoss || settingsOf(record).autoRemove) {
      container.save(recordFailedStart(container.record, before, error));
      throw error;
    }
    settle(core, container);
  }
  const { owner: _owner, ...rest } = container.record;
  container.save(rest);
  return true;
}

async function startAndLeave(
  core: Core,
  container: LockedContainer,
  signal: AbortSignal,
  restarts: Restarts | undefined,
): Promise<void> {
  const { components } = core;
  using _turn = await takeStartTurn(core, container, signal);
  const { machine, keys } = await startMachine(core, container, {
    window: undefined,
    isAttached: false,
    signal,
    restarts,
  });
  // The SSH client is loaded while the machine boots, not before.
  const { ContainerRun } = await import("./container-run.ts");
  const run = new ContainerRun({
    machine,
    keys,
    streams: NO_STREAMS,
    acknowledges: () => false,
    consoleLog: join(container.folder, CONSOLE_LOG),
    log: join(container.folder, LOG),
    startTimeoutMs: settingsOf(container.record).startTimeoutMs,
    onStages: components.onStages,
    onStarted: () => {},
  });
  const stop = (): void => run.leave();
  signal.addEventListener("abort", stop);
  try {
    await run.untilStarted();
    signal.throwIfAborted();
  } catch (error) {
    await machine.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Waits until this process may start another container.
 *
 * @throws TetherError `no-such-container` when the container was removed by force meanwhile.
 */
export async function takeStartTurn(
  { starts, containers }: Core,
  { record: { id } }: LockedContainer,
  signal: AbortSignal,
): Promise<Disposable> {
  const turn = await starts.take(signal);
  if (!containers.isRemoved(id)) return turn;
  turn[Symbol.dispose]();
  throw new TetherError("no-such-container", `No such container: ${id}`);
}

/**
 * Makes sure that a container can be started: waits for the end of a machine whose process has ended.
 *
 * @param mayRest one that waits for its start after its machine was lost can be started, too; for others it is up.
 * @returns false when it is up already.
 * @throws TetherError in Docker's words for one that is paused.
 */
export async function prepareStart(
  { containers }: Core,
  { record }: LockedContainer,
  mayRest = false,
): Promise<boolean> {
  const state = observeState(containers, record);
  if (state.status === "paused")
    throw new TetherError("container-paused", "cannot start a paused container, try unpause instead");
  if (mayRest ? hasGuest({ record, state }) : isUp(state)) return false;
  await awaitPowerOff(record.machine);
  // Whoever had it is gone: the container is locked.
  if (record.filesMachine !== undefined) await killMachine(record.filesMachine);
  return true;
}
