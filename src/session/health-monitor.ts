import { TetherError } from "../protocol/errors/index.ts";
import type { StreamSink } from "../protocol/streams/index.ts";
import type { Session } from "./session.ts";

/** Docker's HEALTHCHECK with its defaults filled in. */
export interface HealthCheck {
  readonly args: readonly Uint8Array[];
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures count from then on only, unless one check has succeeded before. */
  readonly startPeriodMs: number;
  /** The interval during the start period. */
  readonly startIntervalMs: number;
  /** So many failures in a row make it unhealthy. */
  readonly retries: number;
}

export type HealthStatus = "starting" | "healthy" | "unhealthy";

/** One check's outcome. */
export interface HealthResult {
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  /** -1: it ran too long or could not start. */
  readonly exitCode: number;
  readonly output: Buffer;
}

/** What is known of a container's health. */
export interface Health {
  readonly status: HealthStatus;
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly results: readonly HealthResult[];
}

/** Docker keeps so many results, and so much of each one's output. */
const MOST_RESULTS = 5;
const MOST_OUTPUT_BYTES = 4096;

const SIGKILL = 9;

/** setTimeout(3) takes no more (24 days), and anything longer for no time at all. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Runs the container's health check again and again, each time as a process of its own in the container. */
export class HealthMonitor {
  readonly #check: HealthCheck;
  readonly #makeSession: (started: () => void) => Session;
  readonly #changed: (status: HealthStatus) => void;
  readonly #startedMs = performance.now();
  #status: HealthStatus = "starting";
  #failingStreak = 0;
  #hasSucceeded = false;
  #results: HealthResult[] = [];
  #next: NodeJS.Timeout | undefined;
  /** Ends the check that runs, without a result. */
  #end: (() => void) | undefined;
  #isPaused = false;
  #isStopped = false;

  /**
   * @param makeSession makes the check's process, not yet started; it calls `started` once that runs.
   * @param changed is told of each new status.
   */
  constructor(
    check: HealthCheck,
    makeSession: (started: () => void) => Session,
    changed: (status: HealthStatus) => void,
  ) {
    this.#check = check;
    this.#makeSession = makeSession;
    this.#changed = changed;
    this.#schedule();
  }

  get health(): Health {
    return { status: this.#status, failingStreak: this.#failingStreak, results: this.#results };
  }

  /** No further check; one that runs is ended. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#next);
    this.#end?.();
  }

  /** No check while the container is paused, as Docker has it: each would only run out of its time. */
  pause(): void {
    this.#isPaused = true;
    clearTimeout(this.#next);
    this.#end?.();
  }

  resume(): void {
    if (!this.#isPaused || this.#isStopped) return;
    this.#isPaused = false;
    if (this.#end === undefined) this.#schedule();
  }

  #schedule(): void {
    const { intervalMs, startIntervalMs } = this.#check;
    const pauseMs = this.#isStarting() ? startIntervalMs : intervalMs;
    this.#next = setTimeout(() => void this.#run(), Math.min(pauseMs, LONGEST_TIMER_MS));
  }

  #isStarting(): boolean {
    return !this.#hasSucceeded && performance.now() - this.#startedMs < this.#check.startPeriodMs;
  }

  async #run(): Promise<void> {
    const wasStarting = this.#isStarting();
    const result = await this.#probe();
    this.#end = undefined;
    if (this.#isStopped) return;
    if (result !== undefined) this.#take(result, wasStarting);
    if (!this.#isPaused) this.#schedule();
  }

  /** @returns undefined for a check that was ended. */
  async #probe(): Promise<HealthResult | undefined> {
    const { timeoutMs } = this.#check;
    const startMs = Date.now();
    let isEnded = false;
    let isOvertime = false;
    const session = this.#makeSession(() => {
      if (isEnded || isOvertime) killQuietly(session);
    });
    this.#end = () => {
      isEnded = true;
      killQuietly(session);
    };
    const output = new OutputHead(MOST_OUTPUT_BYTES);
    session.attach({ output, errorOutput: output, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    const limit = setTimeout(
      () => {
        isOvertime = true;
        killQuietly(session);
      },
      Math.min(timeoutMs, LONGEST_TIMER_MS),
    );
    await session.start();
    const outcome = await session.outcome;
    clearTimeout(limit);
    await output.ended;
    session.discard();
    if (isEnded) return undefined;
    const result = { startMs, endMs: Date.now() };
    if (isOvertime) {
      const text = `Health check exceeded timeout (${timeoutMs / 1000}s)`;
      return { ...result, exitCode: -1, output: Buffer.concat([Buffer.from(`${text}: `), output.bytes]) };
    }
    if (outcome instanceof TetherError)
      return { ...result, exitCode: -1, output: Buffer.from(outcome.message) };
    const exitCode = outcome.signal === 0 ? outcome.code : 128 + outcome.signal;
    return { ...result, exitCode, output: output.bytes };
  }

  #take(result: HealthResult, wasStarting: boolean): void {
    this.#results = [...this.#results, result].slice(-MOST_RESULTS);
    if (result.exitCode === 0) {
      this.#hasSucceeded = true;
      this.#failingStreak = 0;
      this.#become("healthy");
      return;
    }
    if (wasStarting) return;
    this.#failingStreak += 1;
    if (this.#failingStreak >= this.#check.retries) this.#become("unhealthy");
  }

  #become(status: HealthStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#changed(status);
  }
}

/** One that only starts is ended when it has; one that has ended may not be told yet. */
function killQuietly(session: Session): void {
  if (session.isRunning) session.signal(SIGKILL, true);
}

/** Keeps the beginning of what it is given, by both outputs. */
class OutputHead implements StreamSink {
  readonly #limit: number;
  readonly #ended = Promise.withResolvers<void>();
  #bytes = Buffer.alloc(0);
  #openOutputs = 2;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  write(chunk: Buffer, done: () => void): void {
    const room = this.#limit - this.#bytes.length;
    if (room > 0) this.#bytes = Buffer.concat([this.#bytes, chunk.subarray(0, room)]);
    // In a turn of its own, as every writer does: the stream is in the middle of serving its readers.
    setImmediate(done);
  }

  /** Resolves when both outputs have ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  end(): void {
    this.#openOutputs -= 1;
    if (this.#openOutputs === 0) this.#ended.resolve();
  }
}
