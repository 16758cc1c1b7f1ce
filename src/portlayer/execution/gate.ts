import { Writable } from "node:stream";

/** Passes on what is written to it once it is open, and holds the writer back until then. */
export class Gate extends Writable {
  readonly #target: Writable;
  #isOpen = false;
  #held: (() => void) | undefined;

  constructor(target: Writable) {
    super();
    this.#target = target;
  }

  open(): void {
    this.#isOpen = true;
    this.#held?.();
    this.#held = undefined;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const pass = (): void => void this.#target.write(chunk, () => done());
    if (this.#isOpen) pass();
    else this.#held = pass;
  }
}
