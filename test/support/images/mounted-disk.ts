import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A disk mounted read-only by the kernel, the judge of what is on it; of a snapshot, QEMU's copy. Needs root; unmounted when disposed of. */
export class MountedDisk implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, "root");
  }

  static async open(disk: string): Promise<MountedDisk> {
    const folder = await mkdtemp(join(tmpdir(), "disk-"));
    try {
      const mounted = new MountedDisk(folder);
      await mkdir(mounted.path);
      const raw = await rawDisk(disk, join(folder, "disk.raw"));
      await run("mount", ["-t", "ext4", "-o", "ro,loop", raw, mounted.path]);
      return mounted;
    } catch (error) {
      await rm(folder, { recursive: true });
      throw error;
    }
  }

  /** A path on the disk. */
  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", [this.path]);
    await rm(this.#folder, { recursive: true });
  }
}

/** What debugfs, which reads the disk without the kernel, prints for a command. */
export async function debugfs(disk: string, command: string): Promise<string> {
  return withRawDisk(disk, async (raw) => {
    const { stdout } = await run("/sbin/debugfs", ["-R", command, raw], { maxBuffer: 1 << 26 });
    return stdout;
  });
}

/** dumpe2fs's description of the disk, group by group. */
export async function describeDisk(disk: string): Promise<string> {
  return withRawDisk(disk, async (raw) => {
    const { stdout } = await run("/sbin/dumpe2fs", [raw], { maxBuffer: 1 << 26 });
    return stdout;
  });
}

/** Rejects when e2fsck finds anything wrong with the disk. */
export async function checkDisk(disk: string): Promise<void> {
  await withRawDisk(disk, (raw) => run("/sbin/e2fsck", ["-f", "-n", raw]));
}

async function withRawDisk<Result>(disk: string, use: (raw: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "disk-"));
  try {
    return await use(await rawDisk(disk, join(folder, "disk.raw")));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A disk as the kernel and e2fsprogs read it: itself, or QEMU's copy of what a snapshot has. */
async function rawDisk(disk: string, copy: string): Promise<string> {
  if (!disk.endsWith(".qcow2")) return disk;
  await run("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", disk, copy]);
  return copy;
}
