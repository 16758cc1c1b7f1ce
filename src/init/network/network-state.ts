import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AppliedInterface } from "./network.ts";

/** What an agent that takes over has to know of the network. */
export interface SavedNetwork {
  readonly applied: ReadonlyArray<readonly [name: string, applied: AppliedInterface]>;
  /** The DHCP client's process. */
  readonly clientPid: number | undefined;
}

/** The network's state in memory (a tmpfs), in one file that is old or new. */
export class NetworkState {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Nothing when nothing was written. */
  read(): SavedNetwork {
    const path = join(this.#folder, "network");
    if (!existsSync(path)) return { applied: [], clientPid: undefined };
    // Our own agent wrote it.
    return JSON.parse(readFileSync(path, "utf8")) as SavedNetwork;
  }

  write(state: SavedNetwork): void {
    if (!existsSync(this.#folder)) mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, "network");
    writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}
