/**
 * After the process has ended the guest stays until an endpoint has taken the exit over, as long as one
 * is connected; without a connection it waits for a limited time only.
 */
export class Acknowledgement {
  readonly #limitMs: number;
  readonly #settled = Promise.withResolvers<void>();
  #isAwaited = false;
  #connections = 0;
  #limit: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** The endpoint has the exit. */
  give(): void {
    this.#settled.resolve();
  }

  connectionsChanged(count: number): void {
    this.#connections = count;
    this.#watch();
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
    if (this.#isAwaited && this.#connections === 0) {
      this.#limit = setTimeout(() => this.#settled.resolve(), this.#limitMs);
    }
  }
}
