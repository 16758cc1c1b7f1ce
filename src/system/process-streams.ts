import type { SystemCallError } from "./system-call-error.ts";

/**
 * A process's output in a memory file (made by `System.makeRing`), addressed by the offset from its first byte.
 * The addon's thread reads the source into it; nothing of that passes through JavaScript, so a crash loses
 * nothing: who opens the same file afterwards finds the same bytes at the same offsets.
 *
 * Every method but {@link close} throws `EBADF` once it is closed.
 */
export interface Ring {
  /** Where the ring is at this moment. */
  state(): RingState;

  /**
   * A copy of the bytes from `offset` on, at most so many; undefined when the byte at `offset` has been released
   * or not been read yet.
   */
  read(offset: number, maxBytes: number): Buffer | undefined;

  /** The bytes before `offset` are not needed any more: they may be overwritten. Never goes back. */
  release(offset: number): void;

  /**
   * Reads nothing from `offset` on until the limit is raised, so that the process has to wait. Bytes that are
   * there already stay. A ring of no limit is bounded by its capacity alone. Outlives a crash.
   */
  setLimit(offset: number): void;

  /** Reads what the source has at this moment, its end included, without waiting for the thread. `onChange` follows. */
  catchUp(): void;

  /** Reads no more, as if the source had ended: a grandchild may keep it open for ever. */
  end(): void;

  /** Stops reading and forgets the ring here. The memory file stays as it is, and is the caller's to close. */
  close(): void;
}

/** What a ring holds: the bytes from `start` up to, and without, `end`. */
export interface RingState {
  readonly start: number;
  /** The number of bytes that the source has had so far. */
  readonly end: number;
  /** No byte will follow: the source has ended, or has failed. */
  readonly hasEnded: boolean;
  /** What the source failed with. That a terminal has no processes any more (EIO) is its end, not a failure. */
  readonly error?: SystemCallError;
}

/** Receives what happens in a ring. */
export interface RingEvents {
  /** There are more bytes, or the source has ended. Comes once for any number of both. */
  onChange(): void;
}

/**
 * A process's input, whose bytes are counted in a memory file (made by `System.makeInput`): after a crash the
 * count says exactly which bytes have reached the pipe or terminal.
 *
 * Every method but {@link close} throws `EBADF` once it is closed.
 */
export interface CountedInput {
  /** The number of bytes written so far, by this agent and those before it. */
  writtenBytes(): number;

  /**
   * Writes as much as there is room for, without waiting.
   *
   * @returns the number of bytes written; when it is less than all of them, `onWritable` follows.
   * @throws SystemCallError `EPIPE`, `EIO`: nobody reads any more.
   */
  write(bytes: Uint8Array): number;

  /** Closes this reference to the target; descriptors that the caller has to it stay open. */
  close(): void;
}

/** Receives what happens to an input. */
export interface InputEvents {
  /** There is room again after a write that was cut short; or the reader has gone, as the next write tells. */
  onWritable(): void;
}
