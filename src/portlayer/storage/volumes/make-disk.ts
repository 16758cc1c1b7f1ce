import { closeSync, openSync, rmSync, truncateSync } from "node:fs";
import { TetherError } from "../../../protocol/errors/index.ts";
import { EXT4_FEATURES } from "../import/layer-disk.ts";
import { runTool, ToolError, type ToolRunner } from "../tool-runner.ts";

/** A volume's disk that is to be made. */
export interface VolumeDiskOptions {
  readonly type: "ext4" | "xfs";
  readonly sizeBytes: number;
  /** At most 12 bytes, xfs's limit. */
  readonly label: string;
  /** The raw file; it must not exist. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  readonly run?: ToolRunner;
}

/**
 * Makes a sparse file with an empty file system. Leaves no file behind when it fails.
 *
 * @throws TetherError `tool-missing`, `no-space`, `state-not-writable`.
 */
export async function makeVolumeDisk(options: VolumeDiskOptions): Promise<void> {
  const { type, file, sizeBytes, signal, run = runTool } = options;
  try {
    closeSync(openSync(file, "wx", 0o600));
    truncateSync(file, sizeBytes);
    if (type === "xfs") await run("mkfs.xfs", ["-q", "-L", options.label, file], { signal });
    else await run("mke2fs", ext4Arguments(options), { signal });
  } catch (error) {
    rmSync(file, { force: true });
    if (!(error instanceof ToolError)) throw error;
    const code = /no space left/i.test(error.message) ? "no-space" : "state-not-writable";
    throw new TetherError(code, `cannot make the volume's disk: ${error.message}`, { cause: error });
  }
}

/** One single hole lets mke2fs mark its tables as zeroed: neither it nor the guest's kernel writes them. */
function ext4Arguments({ label, file }: VolumeDiskOptions): string[] {
  return [
    ...["-q", "-F", "-t", "ext4", "-O", EXT4_FEATURES, "-L", label, "-b", "4096", "-I", "256", "-m", "0"],
    ...["-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0", file],
  ];
}
