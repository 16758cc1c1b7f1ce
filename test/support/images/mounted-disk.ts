import { execFile } from "node:child_process";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A disk mounted read-only by the kernel, the judge of what is on it. Needs root; unmounted when disposed of. */
export class MountedDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(disk: string): Promise<MountedDisk> {
    const path = await mkdtemp(join(tmpdir(), "disk-"));
    try {
      await run("mount", ["-t", "ext4", "-o", "ro,loop", disk, path]);
    } catch (error) {
      await rmdir(path);
      throw error;
    }
    return new MountedDisk(path);
  }

  /** A path on the disk. */
  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", [this.path]);
    await rmdir(this.path);
  }
}

/** What debugfs, which reads the disk without the kernel, prints for a command. */
export async function debugfs(disk: string, command: string): Promise<string> {
  const { stdout } = await run("/sbin/debugfs", ["-R", command, disk], { maxBuffer: 1 << 26 });
  return stdout;
}

/** dumpe2fs's description of the disk, group by group. */
export async function describeDisk(disk: string): Promise<string> {
  const { stdout } = await run("/sbin/dumpe2fs", [disk], { maxBuffer: 1 << 26 });
  return stdout;
}

/** Rejects when e2fsck finds anything wrong with the disk. */
export async function checkDisk(disk: string): Promise<void> {
  await run("/sbin/e2fsck", ["-f", "-n", disk]);
}
