import { type BigIntStats, closeSync } from "node:fs";
import { hasCode, TetherError } from "../errors/index.ts";
import { type ByteString, toText } from "./byte-string.ts";
import { changeMode, makeDirectoryAt, nameAt, statusOf, tryNameAt } from "./directory.ts";

/** A folder that no member describes: Docker's mode for those. */
const IMPLIED_MODE = 0o755;

/** Of the symbolic links that an archive made, so many are remembered; an archive with more is refused. */
const MOST_LINKS = 1_000_000;

/**
 * Opens the folders that members belong in, below one destination. Each component is opened by itself and never
 * followed, so that nobody can put a link in the way between a check and its use.
 */
export class ParentFolders {
  readonly #target: number;
  readonly #follow: ((path: readonly ByteString[]) => number) | undefined;
  readonly #planted = new Set<string>();
  /** The folder of the member before: most often of the next one too. */
  #last: { readonly path: ByteString; readonly descriptor: number } | undefined;

  constructor(target: number, follow: ((path: readonly ByteString[]) => number) | undefined) {
    this.#target = target;
    this.#follow = follow;
  }

  /** The folder at this path below the destination; made where it is missing. The descriptor stays ours. */
  open(path: readonly ByteString[]): number {
    const key = path.join("/");
    if (this.#last?.path === key) return this.#last.descriptor;
    const descriptor = this.#walk(path, true);
    this.close();
    this.#last = { path: key, descriptor };
    return descriptor;
  }

  /** As {@link open}, but makes nothing; the descriptor is the caller's. */
  openExisting(path: readonly ByteString[]): number {
    return this.#walk(path, false);
  }

  /** The archive made this symbolic link: its later members do not go through it. */
  planted({ dev, ino }: BigIntStats): void {
    if (this.#planted.size === MOST_LINKS)
      throw new TetherError("archive-invalid", `the archive has over ${MOST_LINKS} symbolic links`);
    this.#planted.add(`${dev}:${ino}`);
  }

  close(): void {
    if (this.#last !== undefined) closeSync(this.#last.descriptor);
    this.#last = undefined;
  }

  #walk(path: readonly ByteString[], makesMissing: boolean): number {
    let folder = nameAt(this.#target, ".");
    for (const [index, name] of path.entries()) {
      try {
        const next = this.#step(folder, name, path.slice(0, index + 1), makesMissing);
        closeSync(folder);
        folder = next;
      } catch (error) {
        closeSync(folder);
        throw error;
      }
    }
    return folder;
  }

  #step(folder: number, name: ByteString, path: readonly ByteString[], makesMissing: boolean): number {
    const named = makesMissing ? nameOrMake(folder, name) : nameAt(folder, name);
    const status = statusOf(named);
    if (status.isDirectory()) return named;
    closeSync(named);
    const text = toText(path.join("/"));
    if (!status.isSymbolicLink()) throw new TetherError("copy-impossible", `${text} is not a directory`);
    if (this.#planted.has(`${status.dev}:${status.ino}`))
      throw new TetherError("archive-unsafe", `${text} is a symbolic link of the archive's own making`);
    if (this.#follow === undefined)
      throw new TetherError(
        "archive-unsafe",
        `${text} is a symbolic link, and the archive has members below it`,
      );
    return this.#follow(path);
  }
}

function nameOrMake(folder: number, name: ByteString): number {
  for (;;) {
    const there = tryNameAt(folder, name);
    if (there !== undefined) return there;
    try {
      makeDirectoryAt(folder, name, IMPLIED_MODE);
      const made = nameAt(folder, name);
      if (statusOf(made).isDirectory()) changeMode(made, IMPLIED_MODE);
      return made;
    } catch (error) {
      // Somebody was quicker, or quicker in taking it away.
      if (!hasCode(error, "EEXIST", "ENOENT")) throw error;
      if (hasCode(error, "ENOENT") && statusOf(folder).nlink === 0n) throw error;
    }
  }
}
