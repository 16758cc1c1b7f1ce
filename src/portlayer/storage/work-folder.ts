import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * A temporary folder beside the images, removed when disposed of. Its name says whose it is
 * (`PID-STARTTIME-RANDOM`), so that another vch can tell one left by a killed process from one in use.
 */
export class WorkFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(root: string): Promise<WorkFolder> {
    const startTime = (await startTimeOf(process.pid)) ?? "0";
    const parent = join(root, "tmp");
    await mkdir(parent, { recursive: true });
    const path = join(parent, `${process.pid}-${startTime}-${randomBytes(6).toString("hex")}`);
    // Closed to others: an unpacked image holds set-user-ID programs and secrets.
    await mkdir(path, { mode: 0o700 });
    return new WorkFolder(path);
  }

  /** A path inside. */
  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Retries, because a killed tool's last write may still land while the tree is being removed.
    await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** Removes the work folders of processes that are gone. One that cannot be removed is left to the next. */
export async function removeStaleWorkFolders(root: string): Promise<void> {
  const folder = join(root, "tmp");
  // No folder: nothing was ever imported here.
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    if (await isStale(name))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isStale(name: string): Promise<boolean> {
  const [, pid, startTime] = /^(\d+)-(\d+)-[0-9a-f]+$/.exec(name) ?? [];
  if (pid === undefined) return false;
  return (await startTimeOf(Number(pid))) !== startTime;
}

/** Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names a process for good. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the command's name and may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined; // no such process
  }
}
