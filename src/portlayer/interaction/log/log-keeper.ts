import { setTimeout as delay } from "node:timers/promises";
import { FolderWatch } from "./folder-watch.ts";
import { rotateIfNeeded, type RunningLog } from "./rotate-log.ts";

/** A guest whose link broke is back within a second; one whose hypervisor refuses is not asked without a pause. */
const FAILURE_PAUSE_MS = 1000;

/**
 * Keeps the log of a container that runs within its limit, from now until it is disposed of. Any number of processes
 * may do so; what one cannot do (the link is broken, say) it tries again later.
 */
export class LogKeeper implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #kept: Promise<void>;

  constructor(log: RunningLog) {
    this.#kept = log.limit.maxBytes === 0 ? Promise.resolve() : keep(log, this.#stop.signal);
  }

  /** Resolves when nothing is being done any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#kept;
  }
}

async function keep(log: RunningLog, signal: AbortSignal): Promise<void> {
  try {
    // Told of every write, however many come together: a look at the file takes some microseconds.
    using watch = new FolderWatch(log.path);
    while (!signal.aborted) {
      const isDone = await rotateIfNeeded(log).then(
        () => true,
        () => false,
      );
      if (isDone) await watch.changed([signal]);
      else await delay(FAILURE_PAUSE_MS, undefined, { signal });
    }
  } catch {
    // It is over; or the folder cannot be watched (too many watches), and it is left to visitors, as without a keeper.
  }
}
