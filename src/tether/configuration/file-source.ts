import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { findDiskByLabel, RUN_DIRECTORY } from "../../init/index.ts";
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from "../../init/mount-flags.ts";
import { MOST_DOCUMENT_BYTES } from "../../protocol/configuration/document.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { ConfigurationSource } from "./configuration-source.ts";

/** The kernel's word that names the file. */
const WORD = "tether.config";

/** The file of a folder that is named. */
const FILE_NAME = "config";

/** A disk on SCSI appears some time after the agent has started. */
const DISK_LIMIT_MS = 10_000;

/** As base64 a document is a third larger. */
const MOST_FILE_BYTES = 2 * MOST_DOCUMENT_BYTES;

/**
 * A file that the kernel's command line names, for machines whose hypervisor keeps no configuration, or that have
 * none: `tether.config=/path` in the agent's own tree, `tether.config=LABEL:/path` on the ext4 disk with that label.
 * A folder stands for the file `config` in it.
 */
export class FileSource implements ConfigurationSource {
  readonly name: string;
  readonly #system: Pick<System, "mount" | "unmount">;
  readonly #word: string | undefined;

  /** @param commandLine what /proc/cmdline holds. */
  constructor(system: Pick<System, "mount" | "unmount">, commandLine: string) {
    this.#system = system;
    this.#word = findWord(commandLine);
    this.name = this.#word === undefined ? `a file (kernel word ${WORD}=)` : `${WORD}=${this.#word}`;
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#word === undefined) return undefined;
    const [, label, path] = /^(?:([^:/]*):)?(\/.*)$/.exec(this.#word) ?? [];
    if (path === undefined) throw this.#failure("is no absolute path");
    return label === undefined ? this.#readFile(path) : this.#readFromDisk(label, path);
  }

  async #readFromDisk(label: string, path: string): Promise<Uint8Array> {
    const device = await findDiskByLabel(label, DISK_LIMIT_MS);
    const folder = join(RUN_DIRECTORY, "tether", "configuration");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#system.mount(device, folder, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, null);
    try {
      return this.#readFile(join(folder, path));
    } finally {
      this.#system.unmount(folder, 0);
    }
  }

  #readFile(path: string): Uint8Array {
    try {
      const file = statSync(path).isDirectory() ? join(path, FILE_NAME) : path;
      if (!statSync(file).isFile()) throw this.#failure("is no file");
      const content = readBounded(file);
      if (content.length > MOST_FILE_BYTES) throw this.#failure("is longer than 8 MiB");
      return content;
    } catch (error) {
      throw TetherError.from(
        error,
        "guest-initialisation",
        `the configuration in ${this.name} cannot be read`,
      );
    }
  }

  #failure(problem: string): TetherError {
    return new TetherError("guest-initialisation", `the configuration in ${this.name} ${problem}`);
  }
}

/** The last one counts, as with the kernel's own. */
function findWord(commandLine: string): string | undefined {
  const words = commandLine.trim().split(/\s+/);
  return words.findLast((word) => word.startsWith(`${WORD}=`))?.slice(WORD.length + 1);
}

/** A file that is longer than it may be is not read to its end. */
function readBounded(path: string): Buffer {
  const descriptor = openSync(path, "r");
  try {
    const content = Buffer.alloc(Math.min(fstatSync(descriptor).size, MOST_FILE_BYTES + 1));
    let length = 0;
    for (let count = -1; count !== 0 && length < content.length; length += count)
      count = readSync(descriptor, content, length, content.length - length, null);
    return content.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}
