import { rm } from "node:fs/promises";
import { resolve } from "node:path";

import { TetherError } from "../../protocol/errors/index.ts";
import { diskFormatOf } from "./snapshots/index.ts";
import { runTool, ToolError, type ToolRunner } from "./tool-runner.ts";

/** What a container's disk is made from. */
export interface ContainerDiskOptions {
  /** The image's disk, never written to: its topmost snapshot, or a raw one of an earlier version. It must stay where it is as long as the container's disk lives. */
  readonly image: string;
  /** The qcow2 file to make; it must not exist. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
  readonly run?: ToolRunner;
}

/**
 * Makes a container's own disk: an empty qcow2 over the image's. It takes the same few milliseconds
 * whatever the image's size, since nothing is copied. Leaves no file behind when it fails.
 */
export async function createContainerDisk({
  image,
  target,
  signal,
  run = runTool,
}: ContainerDiskOptions): Promise<void> {
  try {
    await run(
      "qemu-img",
      [
        // 64 KiB clusters are the default; lazy_refcounts would save writes but costs a check after a crash.
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        diskFormatOf(resolve(image)),
        "-b",
        resolve(image),
        resolve(target),
      ],
      { signal },
    );
  } catch (error) {
    await rm(target, { force: true });
    if (!(error instanceof ToolError)) throw error;
    const code = /no space left/i.test(error.message) ? "no-space" : "state-not-writable";
    throw new TetherError(code, `cannot make the container's disk: ${error.message}`, { cause: error });
  }
}
