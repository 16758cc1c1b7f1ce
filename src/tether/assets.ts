import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Reads a file that was packed into the executable; node:sea's `getRawAsset`. */
export type ReadAsset = (name: string) => ArrayBuffer;

/** The names under which scripts/build-agent.ts packs them. */
export type AssetName = "tether.node" | "pty.node" | "tether-exec";

/**
 * Unpacks the executable's files on demand: the kernel executes and dlopen(3) maps only files. Every file is
 * written once.
 */
export class Assets {
  readonly #read: ReadAsset;
  readonly #folder: string;
  readonly #unpacked = new Map<AssetName, string>();

  /** @param folder in memory, and outside the container's view. */
  constructor(read: ReadAsset, folder: string) {
    this.#read = read;
    this.#folder = folder;
  }

  /** @returns the file's path. */
  unpack(name: AssetName): string {
    const known = this.#unpacked.get(name);
    if (known !== undefined) return known;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, name);
    writeFileSync(path, new Uint8Array(this.#read(name)), { mode: 0o500 });
    this.#unpacked.set(name, path);
    return path;
  }
}
