import type { ChildStatus, System } from "../system/system.ts";

/** Who waits for a child. */
interface Waiter {
  readonly note: (status: ChildStatus) => void;
  readonly resolve: (status: ChildStatus) => void;
}

/**
 * Waits for every child of PID 1: the agent's own and the orphans that it inherits. It alone calls
 * waitid(2), so no status can be stolen; nothing in the guest uses Node's child_process.
 */
export class Reaper {
  readonly #system: System;
  readonly #waiting = new Map<number, Waiter>();
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
   *
   * @param note is called before the kernel forgets the child: what it has noted is not lost in a crash.
   */
  exitOf(pid: number, note: (status: ChildStatus) => void = () => {}): Promise<ChildStatus> {
    return new Promise((resolve) => this.#waiting.set(pid, { note, resolve }));
  }

  /** Signals are merged while they are pending: one may stand for many children. */
  readonly #reap = (): void => {
    const system = this.#system;
    for (let status = system.peekChild(); status !== undefined; status = system.peekChild()) {
      const ended = status;
      const waiter = this.#waiting.get(ended.pid);
      if (waiter === undefined) {
        this.#reapedOrphans += 1;
        system.reapChild(ended.pid);
        continue;
      }
      this.#waiting.delete(ended.pid);
      system.uninterrupted(() => {
        waiter.note(ended);
        system.reapChild(ended.pid);
      });
      waiter.resolve(ended);
    }
  };
}
