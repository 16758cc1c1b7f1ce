import { type Dirent, openSync, readdirSync, readFileSync, readSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CGROUP_ROOT, CONTAINER_CGROUP } from "./cgroups.ts";

/** SIGKILL works at once except on a process in an uninterruptible wait. */
const KILL_LIMIT_MS = 2000;

const KILL_AGAIN_MS = 50;

/** Freezing waits for every process to leave the kernel. */
const FREEZE_LIMIT_MS = 10_000;

/** The kernel's file has 53 bytes before anything has happened, and a number in each of its lines. */
const MEMORY_EVENTS_BYTES = 1024;

/** The container's cgroup, steered through its files (Documentation/admin-guide/cgroup-v2.rst). */
export class KernelContainerCgroup {
  readonly #folder: string;
  #memoryEvents: number | undefined;
  readonly #memoryEventsText = Buffer.alloc(MEMORY_EVENTS_BYTES);

  /** @param folder another one in tests. */
  constructor(folder: string = join(CGROUP_ROOT, CONTAINER_CGROUP)) {
    this.#folder = folder;
  }

  /**
   * cgroup.kill reaches every process at once, so that none can fork its way out. Resolves when none is left.
   *
   * @throws Error when some are left after two seconds.
   */
  async kill(): Promise<void> {
    if (this.#isEmpty()) return;
    const kill = (): void => this.#write("cgroup.kill", "1");
    kill();
    // A process that was just being started moves in behind it.
    const again = setInterval(kill, KILL_AGAIN_MS);
    try {
      await this.#until(
        () => this.#isEmpty(),
        KILL_LIMIT_MS,
        "some of the container's processes cannot be ended",
      );
    } finally {
      clearInterval(again);
    }
  }

  /** @throws Error when some process does not stop within ten seconds; they all go on then. */
  async freeze(): Promise<void> {
    this.#write("cgroup.freeze", "1");
    try {
      const isFrozen = (): boolean => this.#read("cgroup.events").includes("frozen 1");
      await this.#until(isFrozen, FREEZE_LIMIT_MS, "some of the container's processes cannot be stopped");
    } catch (error) {
      this.thaw();
      throw error;
    }
  }

  thaw(): void {
    this.#write("cgroup.freeze", "0");
  }

  /** Is asked several times for each exec: the file stays open. */
  outOfMemoryKills(): number {
    this.#memoryEvents ??= openSync(join(this.#folder, "memory.events"), "r");
    const length = readSync(this.#memoryEvents, this.#memoryEventsText, 0, MEMORY_EVENTS_BYTES, 0);
    return Number(/^oom_kill (\d+)$/m.exec(this.#memoryEventsText.toString("latin1", 0, length))?.[1] ?? 0);
  }

  onOutOfMemory(listener: (kills: number) => void): () => void {
    let before = this.outOfMemoryKills();
    const watcher = watch(join(this.#folder, "memory.events"), () => {
      const kills = this.outOfMemoryKills();
      if (kills > before) listener(kills);
      before = kills;
    });
    return () => watcher.close();
  }

  processes(): number[] {
    return [...new Set(listProcesses(this.#folder))];
  }

  #isEmpty(): boolean {
    return this.#read("cgroup.events").includes("populated 0");
  }

  /** The kernel tells of each change of cgroup.events as of a change of the file. */
  async #until(condition: () => boolean, limitMs: number, complaint: string): Promise<void> {
    const reached = Promise.withResolvers<void>();
    const watcher = watch(join(this.#folder, "cgroup.events"), () => {
      if (condition()) reached.resolve();
    });
    const limit = setTimeout(() => reached.reject(new Error(complaint)), limitMs);
    try {
      // It may have come before the watch.
      if (!condition()) await reached.promise;
    } finally {
      clearTimeout(limit);
      watcher.close();
    }
  }

  #read(file: string): string {
    return readFileSync(join(this.#folder, file), "utf8");
  }

  #write(file: string, text: string): void {
    writeFileSync(join(this.#folder, file), text);
  }
}

function listProcesses(folder: string): number[] {
  const own = readPids(join(folder, "cgroup.procs"));
  const children = readEntries(folder).filter((entry) => entry.isDirectory());
  return [...own, ...children.flatMap(({ name }) => listProcesses(join(folder, name)))];
}

function readPids(path: string): number[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    // The container has removed a cgroup of its own, or made it a threaded one (EOPNOTSUPP).
    return [];
  }
}

function readEntries(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // As above.
    return [];
  }
}
