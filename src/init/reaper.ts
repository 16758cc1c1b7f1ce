import type { ChildStatus, ChildWatch, System } from "../system/system.ts";

/** Who waits for a child. */
interface Waiter {
  readonly note: (status: ChildStatus) => void;
  readonly resolve: (status: ChildStatus) => void;
}

/**
 * Waits for every child of PID 1. The agent's own are told to who waits for them; the orphans that it inherits are
 * reaped by the system's thread. Nobody else calls waitid(2), so no status can be stolen; nothing in the guest uses
 * Node's child_process.
 */
export class Reaper {
  readonly #system: System;
  readonly #waiting = new Map<number, Waiter>();
  #watch: ChildWatch | undefined;

  /** Call {@link start} to begin. */
  constructor(system: System) {
    this.#system = system;
  }

  /** Everybody waits by now whose child an agent before this one has started. What ended before is told, too. */
  start(): void {
    this.#watch ??= this.#system.watchChildren({ onEnded: () => this.#reap() });
  }

  stop(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /**
   * How the child `pid` ended. Call it in the same turn in which the child was started.
   *
   * @param note is called before the kernel forgets the child: what it has noted is not lost in a crash.
   */
  exitOf(pid: number, note: (status: ChildStatus) => void = () => {}): Promise<ChildStatus> {
    this.#system.expectChild(pid);
    return new Promise((resolve) => this.#waiting.set(pid, { note, resolve }));
  }

  #reap(): void {
    const system = this.#system;
    for (let status = system.peekChild(); status !== undefined; status = system.peekChild())
      this.#end(status);
  }

  #end(status: ChildStatus): void {
    const waiter = this.#waiting.get(status.pid);
    this.#waiting.delete(status.pid);
    this.#system.uninterrupted(() => {
      waiter?.note(status);
      this.#system.reapChild(status.pid);
    });
    waiter?.resolve(status);
  }
}
