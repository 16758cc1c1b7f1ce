import type { ToolRunner } from "../tool-runner.ts";
import type { Turns } from "./turns.ts";

/** What every step of an import works with. */
export interface ImportContext {
  /** The store's folder. */
  readonly root: string;
  /** Smallest virtual size of the disk. */
  readonly diskSizeBytes: number;
  readonly run: ToolRunner;
  /** Images' disks are made one after the other. */
  readonly turns: Turns;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (line: string) => void;
}
