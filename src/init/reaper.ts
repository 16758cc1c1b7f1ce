import type { ChildStatus, System } from "../system/system.ts";

/**
 * Waits for every child of PID 1: the agent's own and the orphans that it inherits. It alone calls
 * waitid(2), so no status can be stolen; nothing in the guest uses Node's child_process.
 */
export class Reaper {
  readonly #system: System;
  readonly #waiting = new Map<number, (status: ChildStatus) => void>();
  #reapedOrphans = 0;

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
  }

  /**
   * How the child `pid` ended. Call it in the same turn in which the child was started, so that its
   * end cannot come first.
   */
  exitOf(pid: number): Promise<ChildStatus> {
    return new Promise((resolve) => this.#waiting.set(pid, resolve));
  }

  /** Signals are merged while they are pending: one may stand for many children. */
  readonly #reap = (): void => {
    for (let status = this.#system.waitAny(); status !== undefined; status = this.#system.waitAny()) {
      const resolve = this.#waiting.get(status.pid);
      if (resolve === undefined) this.#reapedOrphans += 1;
      else resolve(status);
      this.#waiting.delete(status.pid);
    }
  };
}
