import { closeSync } from "node:fs";
import type { ReplaySource } from "../protocol/streams/index.ts";
import type { Ring, RingState } from "../system/process-streams.ts";
import type { System } from "../system/system.ts";

/** What is kept of a stream at most: more than readers that lag may need (src/protocol/streams). */
const RING_BYTES = 6 * 1024 * 1024;

/** The descriptors of a process's output; they outlive a crash of the agent. */
export interface OutputDescriptors {
  /** The pipe's reading end, or the terminal's master; undefined once it has ended. */
  readonly source: number | undefined;
  /** The memory file that the bytes are kept in. */
  readonly ring: number;
}

/** Makes the memory file for a process's output. */
export function makeOutput(system: System, source: number): OutputDescriptors {
  return { source, ring: system.makeRing(RING_BYTES) };
}

/** A process's output in a ring: its bytes are never only in this process's memory. */
export class RingSource implements ReplaySource {
  readonly #system: System;
  readonly #descriptors: OutputDescriptors;
  readonly #closeSource: () => void;
  #ring: Ring | undefined;
  #state: RingState = { start: 0, end: 0, hasEnded: false };
  #changed: () => void = () => {};

  /** @param closeSource closes the source, once: it may be the input, too. */
  constructor(system: System, descriptors: OutputDescriptors, closeSource: () => void) {
    this.#system = system;
    this.#descriptors = descriptors;
    this.#closeSource = closeSource;
  }

  get start(): number {
    return this.#state.start;
  }

  get end(): number {
    return this.#state.end;
  }

  get hasEnded(): boolean {
    return this.#state.hasEnded;
  }

  open(changed: () => void): void {
    const { ring, source } = this.#descriptors;
    this.#changed = changed;
    this.#ring = this.#system.openRing(ring, source, { onChange: () => this.#look() });
    this.#state = this.#ring.state();
    // A short process's may have ended already.
    if (this.#state.hasEnded) this.#closeSource();
  }

  read(offset: number, maxBytes: number): Buffer | undefined {
    return this.#ring?.read(offset, maxBytes);
  }

  forget(offset: number): void {
    if (this.#ring === undefined || offset <= this.#state.start) return;
    this.#ring.release(offset);
    this.#refresh();
  }

  setLimit(offset: number): void {
    this.#ring?.setLimit(offset);
  }

  catchUp(): void {
    if (this.#ring === undefined || this.#state.hasEnded) return;
    this.#ring.catchUp();
    this.#look();
  }

  close(): void {
    if (this.#ring === undefined || this.#state.hasEnded) return;
    this.#ring.end();
    this.#look();
  }

  /** Nobody will read it any more. */
  discard(): void {
    if (this.#ring === undefined) return;
    this.close();
    this.#ring.close();
    this.#ring = undefined;
    this.#state = { ...this.#state, start: this.#state.end };
    closeSync(this.#descriptors.ring);
  }

  #look(): void {
    if (this.#ring === undefined) return;
    this.#refresh();
    this.#changed();
  }

  /** The end may be seen first by whoever looks for something else. */
  #refresh(): void {
    if (this.#ring === undefined) return;
    const { hasEnded } = this.#state;
    this.#state = this.#ring.state();
    if (this.#state.hasEnded && !hasEnded) this.#closeSource();
  }
}
