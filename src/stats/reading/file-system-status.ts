import { type StatsFs, statfs, statfsSync } from "node:fs";

/** A file system of the container's. */
export interface FileSystemPlace {
  /** Where the container sees it. */
  readonly mountPoint: string;
  /** Where the agent does. */
  readonly path: string;
  /** It is on a server, which may not answer. */
  readonly isRemote: boolean;
}

/** What one says of itself. */
export interface FileSystemStatus {
  /** Where the container sees it. */
  readonly mountPoint: string;
  /** statfs(2). */
  readonly status: Omit<StatsFs, "frsize">;
}

const MOST_PLACES = 64;

/**
 * Asks the file systems (statfs(2)). One on a server is asked aside, one at a time: what it said last is told, and
 * nothing before it has answered.
 *
 * @param places what there is at the moment.
 */
export function fileSystemAsker(places: () => readonly FileSystemPlace[]): () => FileSystemStatus[] {
  const remote = new RemoteFileSystems();
  return () => {
    const found: FileSystemStatus[] = [];
    let asked = 0;
    for (const { mountPoint, path, isRemote } of places()) {
      if (++asked > MOST_PLACES) break;
      const status = isRemote ? remote.ask(path) : askLocal(path);
      if (status !== undefined) found.push({ mountPoint, status });
    }
    return found;
  };
}

function askLocal(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    // It is being taken away: nothing is known of it.
    return undefined;
  }
}

/** A server that does not answer keeps a thread of libuv's pool: only one of all may. */
class RemoteFileSystems {
  readonly #known = new Map<string, StatsFs | undefined>();
  #isAsking = false;
  /** Asked in turn. */
  #waiting: string[] = [];

  /** What it said last; asks anew. */
  ask(path: string): StatsFs | undefined {
    if (!this.#waiting.includes(path) && this.#waiting.length < MOST_PLACES) this.#waiting.push(path);
    if (!this.#isAsking) this.#askNext();
    return this.#known.get(path);
  }

  /** By a callback: the module of promises is memory that every container VM would have for nothing else. */
  #askNext(): void {
    const path = this.#waiting.shift();
    if (path === undefined) return;
    this.#isAsking = true;
    statfs(path, (error, status) => {
      this.#isAsking = false;
      // As for a local one.
      if (error === null) this.#known.set(path, status);
      else this.#known.delete(path);
    });
  }
}
