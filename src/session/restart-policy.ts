/** Docker's restart policies (`docker run --restart`). */
export interface RestartPolicy {
  readonly kind: "no" | "on-failure" | "always" | "unless-stopped";
  /** For `on-failure`: 0 is no limit. */
  readonly maximumRetryCount: number;
}

/** Docker's back-off: each pause is twice the one before, from a tenth of a second to a minute. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 60_000;

/** Who ran as long as this has recovered: the pauses begin anew. */
const RECOVERED_MS = 10_000;

/** Decides, after each end of the main process, whether it is started again, and after which pause. */
export class Restarts {
  #policy: RestartPolicy;
  #count = 0;
  #pauseMs = 0;

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** How often the process was started again. */
  get count(): number {
    return this.#count;
  }

  get policy(): RestartPolicy {
    return this.#policy;
  }

  /** Goes on from what another has counted; the pauses begin anew. */
  resume(policy: RestartPolicy, count: number): void {
    this.#policy = policy;
    this.#count = count;
  }

  /** Docker's `update --restart`: counts from the next end on. */
  change(policy: RestartPolicy): void {
    this.#policy = policy;
  }

  /**
   * The process has ended.
   *
   * @param hasFailed it did not end with 0.
   * @returns the pause before it starts again, in milliseconds; undefined when it does not.
   */
  next(hasFailed: boolean, ranMs: number): number | undefined {
    if (!this.#mayRestart(hasFailed)) return undefined;
    this.#count += 1;
    const isFirst = this.#pauseMs === 0 || ranMs >= RECOVERED_MS;
    this.#pauseMs = isFirst ? FIRST_PAUSE_MS : Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    return this.#pauseMs;
  }

  #mayRestart(hasFailed: boolean): boolean {
    const { kind, maximumRetryCount } = this.#policy;
    switch (kind) {
      case "no":
        return false;
      case "on-failure":
        return hasFailed && (maximumRetryCount === 0 || this.#count < maximumRetryCount);
      default:
        return true;
    }
  }
}
