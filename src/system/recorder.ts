import type { FileBatch } from "./system.ts";

/**
 * What sources say, again and again, kept by a thread of the addon's in a memory file (made by `System.makeRing`): only
 * what has changed, and nothing of it passes through JavaScript. Who opens the same file after a crash finds what was
 * recorded before.
 */
export interface Recorder {
  /**
   * A copy of the rows that are kept, a full one first (native/addon/recorder.h says what a row is).
   *
   * @throws SystemCallError `EBADF` once it is closed.
   */
  read(): Buffer;

  /**
   * As `System.readFiles`, of the files that are recorded, all of them and in that order: what the recorder has read within
   * the last 20 ms is not read again. The batch's clocks say when it was, and never go back.
   */
  readFiles(batch: FileBatch): number;

  /** Ends it. The memory file stays as it is, and is the caller's to close. */
  close(): void;
}

/** What is recorded, and how. */
export interface Recording {
  /** The memory file; duplicated. */
  readonly ring: number;
  /** Read from their beginning each time, and opened again when they go and come: at most 64 KiB of each. */
  readonly files: readonly string[];
  /** File systems, by a path in each (statfs(2)). One that hangs ends the recording. */
  readonly fileSystems: readonly string[];
  /** What a reader has to know of the sources: comes back with each full row. At most 512 KiB. */
  readonly description: Uint8Array;
  /** At once, and then at the multiples of this. 1 to 3,600,000. */
  readonly periodMs: number;
  /** For so long rows are kept, as far as the memory file has room; up to a day. */
  readonly keepMs: number;
}
