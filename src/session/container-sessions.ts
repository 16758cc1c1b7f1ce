import { TetherError } from "../protocol/errors/index.ts";
import type { WindowSize } from "../system/system.ts";
import type { ContainerCgroup } from "./container-cgroup.ts";
import { type ContainerComponents, MAIN_SESSION } from "./container-components.ts";
import { checkHealth } from "./container-health.ts";
import { EndedExecs } from "./ended-execs.ts";
import type { Health, HealthCheck, HealthMonitor } from "./health-monitor.ts";
import { type RestartPolicy, Restarts } from "./restart-policy.ts";
import type { Session } from "./session.ts";
import type { Exit, OutputRecord } from "./session-components.ts";
import {
  type ExecRequest,
  type LiveEntry,
  makeEntry,
  ranMs,
  resumeEntry,
  savedEntry,
  type SessionEntry,
} from "./session-entry.ts";
import type { SessionSpecification } from "./session-specification.ts";
import type { SavedLife, SavedSession } from "./session-store.ts";

/** How a container lives, beside what its main process is. */
export interface ContainerLife {
  readonly main: SessionSpecification;
  readonly restart: RestartPolicy;
  /** Undefined: no health check. */
  readonly health: HealthCheck | undefined;
  readonly stopSignal: number;
  readonly stopTimeoutMs: number;
}

/** Each takes some descriptors and a process; a client that makes them without end is told so. */
const MOST_RUNNING_EXECS = 4096;

/** An exec whose client does not come is forgotten. */
const UNATTACHED_LIMIT_MS = 60_000;

/**
 * Every process that was asked for in the container: the main session, whose end is the container's, and the
 * execs beside it, none of which can harm it.
 */
export class ContainerSessions {
  readonly #life: ContainerLife;
  readonly #components: ContainerComponents;
  readonly #restarts: Restarts;
  readonly #execs = new Map<string, LiveEntry>();
  readonly #endedExecs = new EndedExecs<LiveEntry>((entry) => this.#forget(entry));
  readonly #finished = Promise.withResolvers<Exit | undefined>();
  #main: LiveEntry;
  /** The main process's earlier lives, whose output some client still reads. */
  readonly #pastMains: Session[] = [];
  /** While the main process waits for its restart. */
  #pause: { readonly timer: NodeJS.Timeout; readonly cancel: () => void } | undefined;
  #health: HealthMonitor | undefined;
  #isPaused = false;
  #isStopping = false;
  /** What was asked for while the main process started. */
  #onceStarted: (() => void) | undefined;
  #grace: NodeJS.Timeout | undefined;
  #stopWatchingMemory: (() => void) | undefined;

  constructor(life: ContainerLife, components: ContainerComponents) {
    this.#life = life;
    this.#components = components;
    this.#restarts = new Restarts(life.restart);
    this.#main = this.#makeMain(life.main);
  }

  /** Resolves when the main process has ended for good; with undefined when it never ran. */
  get ended(): Promise<Exit | undefined> {
    return this.#finished.promise;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get restartCount(): number {
    return this.#restarts.count;
  }

  /** The main process has ended and waits for its next start. */
  get isRestarting(): boolean {
    return this.#pause !== undefined;
  }

  get health(): Health | undefined {
    return this.#health?.health;
  }

  /** The main session first. */
  get entries(): readonly SessionEntry[] {
    return [this.#main, ...this.#execs.values()];
  }

  /** Starts the main process, unless it waits for its first client. */
  start(): void {
    const { cgroup, report } = this.#components;
    this.#stopWatchingMemory = cgroup.onOutOfMemory((kills) =>
      report({ outOfMemory: { kills } }, MAIN_SESSION),
    );
    this.#saveLife(false);
    this.#save(this.#main);
    if (!this.#life.main.startAfterAttach) void this.#main.session.start();
  }

  /** Goes on, instead of {@link start}, with what an agent before this one has kept. */
  resume(sessions: readonly SavedSession[], life: SavedLife): void {
    const { cgroup, report } = this.#components;
    this.#stopWatchingMemory = cgroup.onOutOfMemory((kills) =>
      report({ outOfMemory: { kills } }, MAIN_SESSION),
    );
    this.#restarts.resume(life.restartPolicy, life.restartCount);
    this.#isStopping = life.isStopping;
    this.#isPaused = life.isPaused;
    for (const saved of sessions) this.#resumeSession(saved, life.willRestart);
  }

  /**
   * @param id an exec's, or {@link MAIN_SESSION}.
   * @throws TetherError `no-such-session`.
   */
  find(id: string): SessionEntry {
    const entry = id === MAIN_SESSION ? this.#main : this.#execs.get(id);
    if (entry === undefined) throw new TetherError("no-such-session", `No such exec instance: ${id}`);
    return entry;
  }

  /**
   * Makes an exec; it starts at once, unless it waits for its first client.
   *
   * @throws TetherError `conflict` when the container is not running, or paused.
   */
  createExec({ id, specification, isPrivileged }: ExecRequest): SessionEntry {
    if (this.#execs.has(id)) throw new TetherError("conflict", `the exec ${id} exists already`);
    if (this.#isPaused)
      throw new TetherError("conflict", "the container is paused, unpause the container before exec");
    const { phase } = this.#main.session.state;
    if (phase !== "running") throw new TetherError("conflict", "the container is not running");
    if (this.#execs.size - this.#endedExecs.count >= MOST_RUNNING_EXECS)
      throw new TetherError("conflict", `there are ${MOST_RUNNING_EXECS} execs already`);
    const entry = this.#makeEntry({ id, specification, isPrivileged }, undefined);
    this.#execs.set(id, entry);
    this.#save(entry);
    this.#components.report({ execCreated: { args: [...specification.args] } }, id);
    if (specification.startAfterAttach) this.#dropUnattached(entry);
    else void entry.session.start();
    return entry;
  }

  /**
   * kill(2) on a session's process or its group.
   *
   * @throws TetherError `no-such-session`.
   */
  signal(id: string, signal: number, toGroup: boolean): void {
    this.find(id).session.signal(signal, toGroup);
    if (id === MAIN_SESSION) this.#components.report({ signalled: { signal } }, id);
  }

  /** Sizes a session's terminal. */
  resize(id: string, window: WindowSize): void {
    this.find(id).session.resize(window);
    this.#components.report({ resized: { columns: window.columns, rows: window.rows } }, id);
  }

  /**
   * Ends the main process: its stop signal, and SIGKILL to everything of the container after the grace. It is not
   * restarted.
   *
   * @param signal 0 for the container's own.
   * @param graceMs undefined for the container's own; below zero: for ever.
   */
  stop(signal: number, graceMs: number | undefined): void {
    const { cgroup, system } = this.#components;
    this.#isStopping = true;
    clearTimeout(this.#grace);
    if (this.#pause !== undefined) {
      this.#saveLife(false);
      this.#finishRestart();
      return;
    }
    const { session } = this.#main;
    session.abandon(new TetherError("conflict", "the container was stopped before its process started"));
    if (session.state.phase === "starting") this.#onceStarted = () => this.stop(signal, graceMs);
    if (!session.isRunning) {
      this.#saveLife(false);
      return;
    }
    const grace = Math.min(graceMs ?? this.#life.stopTimeoutMs, LONGEST_TIMER_MS);
    const stopSignal = signal === 0 ? this.#life.stopSignal : signal;
    // The process first, which has its own work to do; whoever takes over from here finds both done.
    system.uninterrupted(() => {
      session.signal(stopSignal, false);
      this.#saveLife(false);
    });
    this.#components.report({ signalled: { signal: stopSignal } }, MAIN_SESSION);
    // Frozen, it could not even die of SIGTERM.
    if (this.#isPaused) this.unpause();
    if (grace >= 0) this.#grace = setTimeout(() => void killQuietly(cgroup), grace);
  }

  /** @throws TetherError `conflict` when it is paused, or not running. */
  async pause(): Promise<void> {
    if (this.#isPaused) throw new TetherError("conflict", "the container is already paused");
    if (!this.#main.session.isRunning) throw new TetherError("conflict", "the container is not running");
    this.#isPaused = true;
    try {
      await this.#components.cgroup.freeze();
    } catch (error) {
      this.#isPaused = false;
      throw error;
    }
    // It was killed while it froze.
    if (!this.#isPaused) throw new TetherError("conflict", "the container is not running");
    this.#health?.pause();
    this.#saveLife(false);
    this.#components.report({ paused: {} }, MAIN_SESSION);
  }

  /** @throws TetherError `conflict` when it is not paused. */
  unpause(): void {
    if (!this.#isPaused) throw new TetherError("conflict", "the container is not paused");
    this.#components.cgroup.thaw();
    this.#isPaused = false;
    this.#saveLife(false);
    this.#health?.resume();
    this.#components.report({ unpaused: {} }, MAIN_SESSION);
  }

  /** Docker's `update --restart`. */
  changeRestartPolicy(policy: RestartPolicy): void {
    this.#restarts.change(policy);
    this.#saveLife(this.isRestarting);
  }

  /** Ends the main process at once and for good. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    const { cgroup } = this.#components;
    if (this.#pause !== undefined) this.#finishRestart();
    if (this.#main.session.state.phase === "starting") this.#onceStarted = () => void killQuietly(cgroup);
    await cgroup.kill();
  }

  #resumeSession(saved: SavedSession, willRestart: boolean): void {
    const { id, process } = saved;
    const entry = id === MAIN_SESSION ? this.#main : this.#makeEntry(saved, undefined);
    resumeEntry(entry, saved);
    if (id === MAIN_SESSION) {
      if (process === undefined && !saved.specification.startAfterAttach) void entry.session.start();
      if (process?.exit !== undefined && process.hasDrained)
        this.#resumeEnded(entry, process.exit, willRestart);
      else if (process?.hasStarted === true && process.exit === undefined)
        this.#health = checkHealth(this.#life, this.#components);
    } else {
      this.#execs.set(id, entry);
      if (saved.finishedAt !== undefined) this.#endedExecs.add(entry);
      if (process === undefined) this.#dropUnattached(entry);
    }
    if (process !== undefined) void entry.session.resume(process);
  }

  /** The main process had ended before, and its end had been told. */
  #resumeEnded(entry: LiveEntry, exit: Exit, willRestart: boolean): void {
    if (!willRestart || this.#isStopping) this.#finish(exit);
    else this.#restart(entry, 0).catch((error: unknown) => this.#failRestart(error, exit));
  }

  #save(entry: LiveEntry): void {
    this.#components.store?.save(savedEntry(entry));
  }

  #saveLife(willRestart: boolean): void {
    this.#components.store?.saveLife({
      restartPolicy: this.#restarts.policy,
      restartCount: this.#restarts.count,
      isStopping: this.#isStopping,
      isPaused: this.#isPaused,
      willRestart,
    });
  }

  /** Its client has gone before it came. */
  #dropUnattached(entry: LiveEntry): void {
    setTimeout(() => {
      if (entry.session.state.phase === "created") this.#forget(entry);
    }, UNATTACHED_LIMIT_MS).unref();
  }

  #makeMain(specification: SessionSpecification): LiveEntry {
    return this.#makeEntry(
      { id: MAIN_SESSION, specification, isPrivileged: false },
      this.#components.record(),
    );
  }

  #makeEntry(request: ExecRequest, record: OutputRecord | undefined): LiveEntry {
    const isMain = request.id === MAIN_SESSION;
    return makeEntry(request, record, this.#components, {
      changed: (entry) => this.#save(entry),
      started: () => {
        if (isMain) this.#mainStarted();
      },
      exited: (isHeldOpen) => {
        if (isMain) this.#mainExited(isHeldOpen);
      },
      pauseAfter: (entry, outcome) => (isMain ? this.#pauseAfter(entry, outcome) : undefined),
      ended: (entry, exit, pauseMs) => this.#ended(entry, exit, pauseMs),
    });
  }

  /** @returns the pause before the main process starts again; undefined when it does not. */
  #pauseAfter(entry: LiveEntry, outcome: Exit | TetherError): number | undefined {
    // A command that cannot even start is reported, and not tried for ever.
    if (this.#isStopping || (outcome instanceof TetherError && this.#restarts.count === 0)) return undefined;
    const hasFailed = outcome instanceof TetherError || outcome.code !== 0 || outcome.signal !== 0;
    return this.#restarts.next(hasFailed, ranMs(entry));
  }

  #ended(entry: LiveEntry, exit: Exit | undefined, pauseMs: number | undefined): void {
    if (entry.id !== MAIN_SESSION) {
      this.#endedExecs.add(entry);
      return;
    }
    // It was killed while it was paused: nothing of what comes may begin frozen.
    this.#health?.stop();
    if (this.#isPaused) this.unpause();
    clearTimeout(this.#grace);
    this.#abandonExecs();
    this.#saveLife(pauseMs !== undefined);
    if (pauseMs === undefined) this.#finish(exit);
    else this.#restart(entry, pauseMs).catch((error: unknown) => this.#failRestart(error, exit));
  }

  /** Those that still wait for their client have no container any more to run in. */
  #abandonExecs(): void {
    const error = new TetherError("conflict", "the container is not running");
    for (const { session } of [...this.#execs.values()]) session.abandon(error);
  }

  #failRestart(thrown: unknown, exit: Exit | undefined): void {
    const { code, message } = TetherError.from(
      thrown,
      "launch-failed",
      "the container cannot be started again",
    );
    this.#pause = undefined;
    this.#components.report({ failed: { error: { code, message } } }, MAIN_SESSION);
    this.#finish(exit);
  }

  async #restart(entry: LiveEntry, pauseMs: number): Promise<void> {
    const { report, cgroup, renew } = this.#components;
    report({ restarting: { count: this.#restarts.count, pauseMs } }, MAIN_SESSION);
    const { promise: mayGoOn, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), pauseMs);
    this.#pause = { timer, cancel: () => resolve(false) };
    // What the process has left behind, execs too, ends with it: so it is in a container that is started again.
    await cgroup.kill();
    // It may have been asked to end when the pause was over and the processes were not.
    if (!(await mayGoOn) || this.#isStopping) return;
    this.#pause = undefined;
    await renew();
    this.#pastMains.push(entry.session);
    this.#main = this.#makeMain({ ...entry.specification, startAfterAttach: false, holdOutput: false });
    this.#saveLife(false);
    this.#save(this.#main);
    for (const session of this.#pastMains.splice(0)) {
      if (session.isRead) this.#pastMains.push(session);
      else session.discard();
    }
    await this.#main.session.start();
  }

  /** Asked to end while it waits for its restart: the last exit stands. */
  #finishRestart(): void {
    clearTimeout(this.#pause?.timer);
    this.#pause?.cancel();
    this.#pause = undefined;
    const { state } = this.#main.session;
    this.#finish(state.phase === "drained" ? state.exit : undefined);
  }

  #finish(exit: Exit | undefined): void {
    this.#stopWatchingMemory?.();
    this.#finished.resolve(exit);
  }

  #forget({ id, session }: LiveEntry): void {
    this.#execs.delete(id);
    this.#components.store?.forget(id);
    session.discard();
  }

  /**
   * As with the first process of a PID namespace, all others end with it: none of them holds its output's end back. When
   * none does, the exit is told first: a stop waits for that, and under TCG the killing takes 25 to 50 ms.
   */
  #mainExited(isHeldOpen: boolean): void {
    this.#health?.stop();
    const kill = (): void => void killQuietly(this.#components.cgroup);
    if (isHeldOpen) kill();
    else setImmediate(kill);
  }

  #mainStarted(): void {
    this.#health = checkHealth(this.#life, this.#components);
    const onceStarted = this.#onceStarted;
    this.#onceStarted = undefined;
    onceStarted?.();
  }
}

/** setTimeout(3) takes no more (24 days), and anything longer for no time at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What cannot be ended now (it waits for a disk) ends with the machine. */
async function killQuietly(cgroup: ContainerCgroup): Promise<void> {
  try {
    await cgroup.kill();
  } catch {
    // The process's end is waited for in any case, and nobody here could do more.
  }
}
