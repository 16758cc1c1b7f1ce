import { constants } from "node:os";
import { Interruption } from "./interruption.ts";

/** Docker's signal proxy passes all it can; these are the ones that somebody sends to a command. */
const PASSED = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGALRM",
] as const;

/** After these the command has to end, whether the container's process likes it or not. */
const FINAL: ReadonlySet<string> = new Set(["SIGTERM", "SIGHUP"]);

/** Docker's command gives up the third time. */
const FORCED_AFTER = 3;

/** Docker's grace for `stop`. */
const GRACE_MS = 10_000;

/** The signals whose default would end the command while the container is not up yet. */
const FATAL: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]);

/**
 * Passes the signals that this command gets on to the container's process, as `docker run` does. Before there
 * is a process, on the third one, or when the process ignores SIGTERM for ten seconds, everything is ended.
 */
export class SignalProxy implements Disposable {
  readonly #abort = new AbortController();
  readonly #passes: boolean;
  #forward: ((signal: number) => Promise<void>) | undefined;
  #fatalCount = 0;
  #grace: NodeJS.Timeout | undefined;

  /** @param passes false (`--sig-proxy=false`): a signal ends this command, as if there were no process yet. */
  constructor(passes: boolean = true) {
    this.#passes = passes;
    for (const name of PASSED) process.on(name, this.#receive);
  }

  /** Aborted, with an {@link Interruption}, when everything is to be ended at once. */
  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** Ends everything at once. */
  end(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** From now on there is a process to pass signals to. */
  passTo(forward: (signal: number) => Promise<void>): void {
    if (this.#passes) this.#forward = forward;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#grace);
    for (const name of PASSED) process.off(name, this.#receive);
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    const isFatal = FATAL.has(name);
    if (isFatal) this.#fatalCount += 1;
    if (isFatal && (this.#forward === undefined || this.#fatalCount >= FORCED_AFTER)) {
      this.#abort.abort(new Interruption(name));
      return;
    }
    if (FINAL.has(name))
      this.#grace ??= setTimeout(() => this.#abort.abort(new Interruption(name)), GRACE_MS);
    this.#forward?.(constants.signals[name]).catch(() => {
      // The process has ended this moment, and its exit is on its way.
    });
  };
}
