import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identifyProcess, isRunning } from "../../hypervisor/index.ts";
import { hasCode } from "../../protocol/errors/index.ts";

/** Most changes take a few milliseconds, a start some hundreds. */
const POLL_MS = 10;

/** What a released lock names instead of its holder. */
const NOBODY = "nobody";

/**
 * A lock that dies with its holder. It is a folder of numbered symbolic links, each naming a process; the one with
 * the highest number counts. To take the lock is to make the next number, once the process of the highest one has
 * ended or has put `nobody` in its own place: only one can make a number, and nobody ever removes the highest, so
 * that no number is had twice. (To remove the link of a dead holder and make it anew would not do: a second one that
 * had found the same dead holder would then remove a link of a living one.)
 */
export class ProcessLock implements Disposable {
  readonly #folder: string;
  readonly #number: number;
  #isHeld = true;

  private constructor(folder: string, number: number) {
    this.#folder = folder;
    this.#number = number;
  }

  /**
   * Takes the lock if it is free.
   *
   * @param folder the lock's own; made when it is missing, but not its parent.
   * @throws Error `ENOENT` when what it locks is gone.
   */
  static try(folder: string): ProcessLock | undefined {
    const highest = findHighest(folder);
    if (highest > 0 && isHeld(folder, highest)) return undefined;
    const number = highest + 1;
    if (!make(folder, number)) return undefined;
    // Whoever was asleep since it looked may have made a number that was had and forgotten long ago.
    if (findHighest(folder) !== number) {
      rmSync(join(folder, String(number)), { force: true });
      return undefined;
    }
    for (const each of numbers(folder))
      if (each < number) rmSync(join(folder, String(each)), { force: true });
    return new ProcessLock(folder, number);
  }

  /** Waits until the lock is free and takes it. */
  static async acquire(folder: string, signal?: AbortSignal): Promise<ProcessLock> {
    for (;;) {
      signal?.throwIfAborted();
      const lock = ProcessLock.try(folder);
      if (lock !== undefined) return lock;
      await delay(POLL_MS);
    }
  }

  /** Whether a process has the lock, without taking it. */
  static isTaken(folder: string): boolean {
    if (!existsSync(folder)) return false;
    const highest = findHighest(folder);
    return highest > 0 && isHeld(folder, highest);
  }

  /** Whether it has not been released yet. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Releases it; the second time it does nothing. */
  [Symbol.dispose](): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    const path = join(this.#folder, String(this.#number));
    const free = `${path}.free`;
    try {
      symlinkSync(NOBODY, free);
      renameSync(free, path);
    } catch {
      // What was locked has been removed, and the lock with it.
    }
  }
}

function make(folder: string, number: number): boolean {
  const holder = identifyProcess(process.pid);
  try {
    symlinkSync(`${holder?.pid ?? 0}:${holder?.startTime ?? ""}`, join(folder, String(number)));
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

function isHeld(folder: string, number: number): boolean {
  let holder: string;
  try {
    holder = readlinkSync(join(folder, String(number)));
  } catch {
    // A higher number has been made meanwhile.
    return true;
  }
  const [pid = "", startTime = ""] = holder.split(":");
  return holder !== NOBODY && isRunning({ pid: Number(pid), startTime });
}

function findHighest(folder: string): number {
  return Math.max(0, ...numbers(folder));
}

/** A folder of a few names is read by one getdents(2), which sees it as it is at one moment. */
function numbers(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    makeFolder(folder);
    return [];
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Somebody else wants the lock, too.
    if (!hasCode(error, "EEXIST")) throw error;
  }
}
