import { setTimeout as delay } from "node:timers/promises";
import type { DueRestart, Execution, RestartOccasion } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { Log } from "./http/log.ts";

/** A machine that was lost is noticed this much later at most; a look at 100 containers takes 3 ms. */
const LOOK_MS = 200;

/** What a watch is made of. */
export interface RestartWatchParts {
  readonly execution: Pick<Execution, "dueRestarts" | "startAgain">;
  readonly log: Log;
  /** Between two looks; 0.2 s unless told. */
  readonly everyMs?: number;
}

/**
 * Starts containers again as their restart policies say, until it is disposed of: at first those that run whenever there
 * is a daemon, then those whose machines are lost. A process that ends in a machine that goes on is its guest's.
 */
export class RestartWatch implements AsyncDisposable {
  readonly #parts: RestartWatchParts;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  /** Those that rest, or are being started. */
  readonly #pending = new Map<string, Promise<void>>();
  #failure: string | undefined;
  #occasion: RestartOccasion = "begin";

  constructor(parts: RestartWatchParts) {
    this.#parts = parts;
    this.#look();
    this.#timer = setInterval(() => this.#look(), parts.everyMs ?? LOOK_MS).unref();
  }

  /** Resolves when nothing is being started any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort(new TetherError("internal", "the endpoint has ended"));
    await Promise.all(this.#pending.values());
  }

  #look(): void {
    const { execution, log } = this.#parts;
    try {
      for (const due of execution.dueRestarts(this.#occasion))
        if (!this.#pending.has(due.id))
          this.#pending.set(
            due.id,
            this.#start(due, this.#occasion).finally(() => this.#pending.delete(due.id)),
          );
      this.#occasion = "lost";
      this.#failure = undefined;
    } catch (error) {
      const failure = describe(error);
      // A record that is damaged stays so.
      if (failure !== this.#failure)
        log.error({ error: failure }, "looking for containers to start again failed");
      this.#failure = failure;
    }
  }

  async #start({ id, pauseMs }: DueRestart, occasion: RestartOccasion): Promise<void> {
    const { execution, log } = this.#parts;
    try {
      await delay(pauseMs, undefined, { signal: this.#stop.signal });
      if (await execution.startAgain(id, occasion, this.#stop.signal))
        log.info({ container: id, occasion }, "started again, as its restart policy says");
    } catch (error) {
      const isMissing = error instanceof TetherError && error.code === "no-such-container";
      if (!this.#stop.signal.aborted && !isMissing)
        log.error({ container: id, error: describe(error) }, "starting it again failed");
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
