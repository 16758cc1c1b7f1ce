import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A volume that is mounted in the agent's view. */
export interface MountedVolume {
  readonly name: string;
  /** Of its source, which volumes may share. */
  readonly key: string;
  /** Where its source is mounted. */
  readonly mountPoint: string;
  /** Where what the container sees of it is mounted: a folder, or a file. */
  readonly view: string;
  readonly isFile: boolean;
  /** Whether the source's file system can be written to. */
  readonly isSourceReadOnly: boolean;
  /** The disk's name (`vdc`), of a block volume. */
  readonly disk: string | undefined;
}

/** What is mounted, for an agent that takes over: in memory, in one file that is old or new. */
export class VolumeState {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Nothing when nothing was written. */
  read(): readonly MountedVolume[] {
    const path = join(this.#folder, "mounted");
    // Our own agent wrote it.
    return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as MountedVolume[]) : [];
  }

  write(volumes: readonly MountedVolume[]): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, "mounted");
    writeFileSync(`${path}.new`, JSON.stringify(volumes), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}
