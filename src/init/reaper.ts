import type { ChildStatus, System } from "../system/system.ts";

/** Who waits for a child. */
interface Waiter {
  readonly note: (status: ChildStatus) => void;
  readonly resolve: (status: ChildStatus) => void;
}

/** So long at a time: who orphans processes faster than they are reaped (a fork bomb) must not keep the agent from all else. */
const TURN_MS = 5;

/**
 * Waits for every child of PID 1: the agent's own and the orphans that it inherits. It alone calls
 * waitid(2), so no status can be stolen; nothing in the guest uses Node's child_process.
 */
export class Reaper {
  readonly #system: System;
  readonly #waiting = new Map<number, Waiter>();
  #reapedOrphans = 0;
  #next: NodeJS.Immediate | undefined;

  /** Call {@link start} to begin. */
  constructor(system: System) {
    this.#system = system;
  }

  /** Number of strangers that were reaped. */
  get reapedOrphans(): number {
    return this.#reapedOrphans;
  }

  /** Reaps on every SIGCHLD, and what ended before. */
  start(): void {
    process.on("SIGCHLD", this.#reap);
    this.#reap();
  }

  stop(): void {
    process.off("SIGCHLD", this.#reap);
    clearImmediate(this.#next);
  }

  /**
   * How the child `pid` ended. Call it in the same turn in which the child was started, so that its
   * end cannot come first.
   *
   * @param note is called before the kernel forgets the child: what it has noted is not lost in a crash.
   */
  exitOf(pid: number, note: (status: ChildStatus) => void = () => {}): Promise<ChildStatus> {
    return new Promise((resolve) => this.#waiting.set(pid, { note, resolve }));
  }

  /** Signals are merged while they are pending: one may stand for many children. */
  readonly #reap = (): void => {
    const limit = performance.now() + TURN_MS;
    clearImmediate(this.#next);
    while (this.#reapOne()) {
      if (performance.now() < limit) continue;
      this.#next = setImmediate(this.#reap);
      return;
    }
  };

  /** @returns false when no child has ended. */
  #reapOne(): boolean {
    const system = this.#system;
    const status = system.peekChild();
    if (status === undefined) return false;
    const waiter = this.#waiting.get(status.pid);
    if (waiter === undefined) {
      this.#reapedOrphans += 1;
      system.reapChild(status.pid);
      return true;
    }
    this.#waiting.delete(status.pid);
    system.uninterrupted(() => {
      waiter.note(status);
      system.reapChild(status.pid);
    });
    waiter.resolve(status);
    return true;
  }
}
