/**
 * After the process has ended the guest stays until a client has taken the exit over, as long as one is attached that
 * its output is held for: some of it may be under way. Without one it waits for a limited time only, whoever else
 * is connected.
 */
export class Acknowledgement {
  readonly #limitMs: number;
  readonly #settled = Promise.withResolvers<void>();
  #isAwaited = false;
  #holders = 0;
  #limit: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** The endpoint has the exit. */
  give(): void {
    this.#settled.resolve();
  }

  /** A client has come that output is held for. @returns it has gone; counts once. */
  add(): () => void {
    let isThere = true;
    this.#holders += 1;
    this.#watch();
    return () => {
      if (isThere) this.#holders -= 1;
      isThere = false;
      this.#watch();
    };
  }

  /** Resolves when the exit was taken over, or nobody was there to take it. */
  async wait(): Promise<void> {
    this.#isAwaited = true;
    this.#watch();
    await this.#settled.promise;
    clearTimeout(this.#limit);
  }

  #watch(): void {
    clearTimeout(this.#limit);
    if (this.#isAwaited && this.#holders === 0) {
      this.#limit = setTimeout(() => this.#settled.resolve(), this.#limitMs);
    }
  }
}
