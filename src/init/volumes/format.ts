import { closeSync, openSync, readSync } from "node:fs";
import { TetherError } from "../../protocol/errors/index.ts";
import type { ChildStatus, System } from "../../system/system.ts";
import type { FileSystem } from "./configuration.ts";

/** What formatting a disk needs of the agent. */
export interface Formatting {
  readonly system: System;
  /** Resolves when an own child has ended. */
  readonly exitOf: (pid: number) => Promise<ChildStatus>;
}

/** Debian's programs, which iso-build/agent-image puts into the agent's image, and their arguments. */
const PROGRAMS: Readonly<Record<FileSystem, { readonly path: string; readonly args: readonly string[] }>> = {
  ext4: {
    path: "/sbin/mke2fs",
    args: [
      "-q",
      "-F",
      "-t",
      "ext4",
      "-m",
      "0",
      "-E",
      "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
    ],
  },
  xfs: { path: "/sbin/mkfs.xfs", args: ["-q"] },
};

/** How much of a disk is looked at before it is taken for empty: partition tables and file systems begin there. */
const BLANK_BYTES = 1024 * 1024;

/**
 * Makes a file system on a disk that holds nothing.
 *
 * @param label of the file system; empty: none.
 * @throws TetherError `volume-failed`, also for a disk that holds anything: what is there is somebody's.
 */
export async function formatDisk(
  disk: string,
  fileSystem: FileSystem,
  label: string,
  { system, exitOf }: Formatting,
): Promise<void> {
  if (!isBlank(disk))
    throw new TetherError("volume-failed", `the disk ${disk} is not empty, and is not formatted`);
  const { path, args } = PROGRAMS[fileSystem];
  const nowhere = openSync("/dev/null", "r+");
  try {
    const pid = system.spawn({
      path,
      args: [path, ...args, ...(label === "" ? [] : ["-L", label]), disk],
      env: [],
      descriptors: [nowhere, nowhere, nowhere],
    });
    const { code, signal } = await exitOf(pid);
    if (code === 0) return;
    const end = signal === undefined ? `status ${code}` : `signal ${signal}`;
    throw new TetherError("volume-failed", `${path} could not format the disk ${disk}: it ended with ${end}`);
  } finally {
    closeSync(nowhere);
  }
}

function isBlank(disk: string): boolean {
  const bytes = Buffer.alloc(BLANK_BYTES);
  const descriptor = openSync(disk, "r");
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, BLANK_BYTES, 0)).every((byte) => byte === 0);
  } finally {
    closeSync(descriptor);
  }
}
