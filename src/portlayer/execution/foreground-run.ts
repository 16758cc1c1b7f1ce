import { constants } from "node:os";
import { join } from "node:path";
import { CONSOLE_LOG, type Machine } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type { LocalStreams } from "../interaction/index.ts";
import { type ContainerRecord, exitStatus, type RecordedExit } from "./container-record.ts";
import type { ContainerRun, RunEnd } from "./container-run.ts";
import { writesToVolumes } from "./container-volumes.ts";
import { takeStartTurn } from "./container-start.ts";
import { settle } from "./container-state.ts";
import { discardContainer } from "./container-discard.ts";
import type { LockedContainer } from "./container-store.ts";
import type { Core } from "./core.ts";
import { recordFailedStart } from "./failed-start.ts";
import { keepLog } from "./kept-log.ts";
import { LOG, settingsOf, type StartedMachine, startMachine } from "./machine-start.ts";

/** How long a machine may take to power off by itself: Docker's grace for `stop`. */
const POWER_OFF_LIMIT_MS = 10_000;

/** How a process ended whose machine's plug was pulled. */
const KILLED: RecordedExit = { code: 0, signal: constants.signals.SIGKILL };

/** A started run, for whoever has signals to pass on. */
export interface RunControl {
  /** Ends everything at once: the container VM is destroyed. */
  readonly abort: AbortSignal;
  /** Aborted to let go of the container, which goes on. */
  readonly detach?: AbortSignal;
  /** Is told of a container that was made for the run. */
  readonly onCreated?: ((id: string) => void) | undefined;
  /** Is told how to signal the process, once there is one, and its number in the guest. */
  readonly onRunning: (signal: (signal: number) => Promise<void>, pid: number) => void;
}

/** What a run in the foreground is made of. */
export interface ForegroundRunParts {
  readonly core: Core;
  /** Locked by the caller; released once the process has started, or at the end. */
  readonly container: LockedContainer;
  readonly streams: LocalStreams;
  readonly control: RunControl;
  /** A container that was made for this run goes with it when that is aborted before its process has started. */
  readonly isNew: boolean;
  /** How long the process may run; undefined for as long as it likes. */
  readonly timeoutMs: number | undefined;
}

/** One start of a container with a client attached, from power-on to its end, or until the client detaches. */
export class ForegroundRun {
  readonly #parts: ForegroundRunParts;
  readonly #id: string;
  readonly #before: ContainerRecord;
  #machine: Machine | undefined;
  /** Of starts; until the process has started. */
  #turn: Disposable | undefined;
  #hasStarted = false;
  #isLeft = false;
  #overtime: NodeJS.Timeout | undefined;

  constructor(parts: ForegroundRunParts) {
    this.#parts = parts;
    this.#before = parts.container.record;
    this.#id = this.#before.id;
  }

  /**
   * @returns Docker's exit status; 0 when the client detached.
   * @throws TetherError what kept the container from running, or the abort's reason.
   */
  async complete(): Promise<number> {
    try {
      const started = await this.#boot();
      const end = await this.#follow(started);
      this.#isLeft = end === "left" || end.willRestart;
      if (end === "left") return 0;
      if (!this.#isLeft) await this.#powerOff(started.machine);
      if (!this.#isLeft) await this.#keep({ exit: end.exit });
      return exitStatus(end.exit);
    } catch (error) {
      return await this.#explain(error);
    } finally {
      clearTimeout(this.#overtime);
      this.#turn?.[Symbol.dispose]();
      await this.#tidyUp();
      this.#parts.container[Symbol.dispose]();
    }
  }

  async #boot(): Promise<StartedMachine> {
    const { core, container, streams, control } = this.#parts;
    this.#turn = await takeStartTurn(core, container, control.abort);
    const started = await startMachine(core, container, {
      window: streams.terminal?.size(),
      isAttached: true,
      signal: control.abort,
    });
    this.#machine = started.machine;
    return started;
  }

  async #follow({ machine, keys }: StartedMachine): Promise<RunEnd> {
    const { core, container, streams, control } = this.#parts;
    // The SSH client is loaded while the machine boots, not before.
    const { ContainerRun } = await import("./container-run.ts");
    const run = new ContainerRun({
      machine,
      keys,
      streams,
      // A container that is started again must not power off when its first run ends.
      acknowledges: ({ willRestart }) => !willRestart,
      consoleLog: join(container.folder, CONSOLE_LOG),
      log: join(container.folder, LOG),
      startTimeoutMs: settingsOf(container.record).startTimeoutMs,
      onStages: core.components.onStages,
      onStarted: (pid) => this.#processStarted(run, pid),
    });
    control.detach?.addEventListener("abort", () => run.leave());
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(control.abort.reason);
    control.abort.addEventListener("abort", onAbort);
    if (control.abort.aborted) onAbort();
    await using _log = keepLog(core, container.record, run);
    try {
      return await Promise.race([run.complete(), aborted.promise]);
    } finally {
      control.abort.removeEventListener("abort", onAbort);
    }
  }

  #processStarted(run: ContainerRun, pid: number): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#turn?.[Symbol.dispose]();
    const { control, container, timeoutMs } = this.#parts;
    const stopSignal = parseSignal(settingsOf(container.record).stopSignal);
    // From here on others may stop it, rename it, and whatever else a running container is for.
    container[Symbol.dispose]();
    // Who is told to end, tells the process so in the words of its image.
    control.onRunning(
      (signal) => run.signal(signal === constants.signals.SIGTERM ? stopSignal : signal),
      pid,
    );
    if (timeoutMs !== undefined)
      this.#overtime = setTimeout(() => this.#endOvertime(run, timeoutMs), timeoutMs);
  }

  #endOvertime(run: ContainerRun, timeoutMs: number): void {
    this.#parts.core.components.report(
      `the container ran longer than ${timeoutMs / 1000} s (--timeout): killing it`,
    );
    run.signal(constants.signals.SIGKILL).catch(() => {
      // It has ended this moment.
    });
  }

  /** A process that has run may have written what its user wants to keep; of one that could not, he reads why. */
  #isKept(): boolean {
    const { core, container, control, isNew } = this.#parts;
    if (core.containers.isRemoved(this.#id)) return false;
    const isUnwanted = isNew && !this.#hasStarted && control.abort.aborted;
    return !isUnwanted && !settingsOf(container.record).autoRemove;
  }

  /**
   * A disk that is thrown away need not be brought to rest: the plug is pulled, unless there are others that stay, or
   * addresses are to be given back.
   */
  async #powerOff(machine: Machine): Promise<void> {
    const { record } = this.#parts.container;
    if (!this.#isKept() && !givesAddressesBack(record) && !writesToVolumes(record)) {
      await machine.destroy();
      return;
    }
    const limit = setTimeout(() => void machine.destroy(), POWER_OFF_LIMIT_MS);
    await machine.ended;
    clearTimeout(limit);
  }

  async #explain(thrown: unknown): Promise<number> {
    const { abort } = this.#parts.control;
    const error: unknown = abort.aborted ? abort.reason : thrown;
    await this.#machine?.destroy();
    if (this.#parts.core.containers.isRemoved(this.#id)) return exitStatus(KILLED);
    if (this.#hasStarted) await this.#keepLoss(error);
    else await this.#change((record) => recordFailedStart(record, this.#before, error));
    throw error;
  }

  /** Of one whose machine was lost it is written down, unless that was wanted. */
  async #keepLoss(error: unknown): Promise<void> {
    const { core, control } = this.#parts;
    if (control.abort.aborted) return this.#keep({ exit: KILLED, error: String(error), isEnded: true });
    if (this.#isKept()) await this.#locked((locked) => void settle(core, locked));
    return this.#keep({ exit: KILLED, error: String(error) });
  }

  async #keep(outcome: Pick<ContainerRecord, "exit" | "error" | "isEnded">): Promise<void> {
    const { started } = this.#parts.container.record;
    await this.#change((record) => {
      // Somebody has settled it, and started it again.
      if (record.started !== started) return record;
      const { machine: _machine, owner: _owner, ...rest } = record;
      return { ...rest, ...outcome, finished: new Date().toISOString() };
    });
  }

  /** Others may have changed the record, or settled it already, since the process started. */
  async #change(toFinal: (record: ContainerRecord) => ContainerRecord): Promise<void> {
    if (!this.#isKept()) return;
    await this.#locked((locked) => locked.save(toFinal(locked.record)));
  }

  async #tidyUp(): Promise<void> {
    if (this.#isLeft) {
      await this.#locked((locked) => {
        const { owner: _owner, ...rest } = locked.record;
        locked.save(rest);
      });
      return;
    }
    await this.#machine?.destroy();
    if (!this.#isKept()) await this.#locked((locked) => discardContainer(this.#parts.core, locked));
  }

  /** Under the lock, which may have been released meanwhile. */
  async #locked(change: (container: LockedContainer) => void): Promise<void> {
    const { core, container } = this.#parts;
    if (container.isHeld) {
      change(container);
      return;
    }
    try {
      using locked = await core.containers.lock(this.#id);
      change(locked);
    } catch (error) {
      // Whoever has removed it by force has done everything.
      if (!(error instanceof TetherError) || error.code !== "no-such-container") throw error;
    }
  }
}

/** A server that has given an address keeps it for the container until its time is over, or it comes back. */
function givesAddressesBack(record: ContainerRecord): boolean {
  return settingsOf(record).interfaces.some(({ ipv4, ipv6 }) =>
    [ipv4, ipv6].some((each) => each?.method === "dhcp"),
  );
}
