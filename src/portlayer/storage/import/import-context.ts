import type { ToolRunner } from "../tool-runner.ts";

/** What every step of an import works with. */
export interface ImportContext {
  /** The store's folder. */
  readonly root: string;
  /** Smallest virtual size of the disk. */
  readonly diskSizeBytes: number;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (line: string) => void;
}
