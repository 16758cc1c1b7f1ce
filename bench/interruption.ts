import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Turns what would end this process at once (signals, and errors that nobody caught) into an aborted signal, so that
 * VMs and temporary files are taken away first.
 */
export class Interruption implements Disposable {
  readonly #abort = new AbortController();
  #exitCode = 1;

  constructor() {
    for (const name of SIGNALS) process.on(name, this.#receive);
    process.on("uncaughtException", this.#fail);
  }

  /** Aborted on the first of them. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** 128 plus the signal, as a shell shows it; 1 after an error. */
  get exitCode(): number {
    return this.#exitCode;
  }

  [Symbol.dispose](): void {
    for (const name of SIGNALS) process.off(name, this.#receive);
    process.off("uncaughtException", this.#fail);
  }

  readonly #receive = (name: NodeJS.Signals): void => {
    if (this.#abort.signal.aborted) return;
    this.#exitCode = 128 + constants.signals[name];
    this.#abort.abort(new Error(`ended by ${name}`));
  };

  readonly #fail = (error: Error): void => {
    process.stderr.write(`bench: ${error.stack ?? error.message}\n`);
    this.#abort.abort(error);
  };
}
