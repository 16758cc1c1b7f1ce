import { rm, writeFile } from "node:fs/promises";

import type { ToolRunner } from "../tool-runner.ts";
import { NotTellable, writeDiskScript } from "./disk-script.ts";
import { compareTrees } from "./tree-changes.ts";
import type { TreeState } from "./tree-state.ts";

/** How a disk becomes that of the next layers. */
export interface DiskUpdate {
  /** The raw disk, which has the tree as it was. */
  readonly disk: string;
  /** As it is now. */
  readonly tree: string;
  readonly before: TreeState;
  readonly now: TreeState;
  /** A file that is made for debugfs's commands, and removed. */
  readonly script: string;
  readonly run: ToolRunner;
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes to a disk what has changed in its tree, without the kernel: by debugfs.
 *
 * @returns false when that cannot be done, and the disk has to be made of the whole tree: then it is of no use any more.
 */
export async function updateDisk(update: DiskUpdate): Promise<boolean> {
  const { disk, tree, script, before, now, run, signal } = update;
  try {
    await writeFile(script, await writeDiskScript(tree, compareTrees(before, now)));
  } catch (error) {
    if (error instanceof NotTellable) return false;
    throw error;
  }
  const { stderr } = await run("debugfs", ["-w", "-f", script, disk], { signal });
  await rm(script);
  // It reports what it could not do on standard error only, below its version line. mke2fs then says why.
  return stderr.split("\n").every((line) => line === "" || line.startsWith("debugfs "));
}
