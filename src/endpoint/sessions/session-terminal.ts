import type { LocalTerminal, WindowSize } from "../../portlayer/interaction/index.ts";

/** A VT100's: what a terminal has until its client tells more. */
const FIRST_SIZE: WindowSize = { columns: 80, rows: 24 };

/** The terminal of a session as its client has told of it. */
export class SessionTerminal implements LocalTerminal {
  #size: WindowSize;
  readonly #listeners = new Set<() => void>();

  constructor(size: WindowSize = FIRST_SIZE) {
    this.#size = size;
  }

  size(): WindowSize {
    return this.#size;
  }

  onResize(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  resize(size: WindowSize): void {
    this.#size = size;
    for (const listener of this.#listeners) listener();
  }
}
