import {
  type BigIntStats,
  type BigIntStatsFs,
  closeSync,
  constants,
  ftruncateSync,
  readSync,
  statfsSync,
  truncateSync,
} from "node:fs";
import {
  changeMode,
  changeOwner,
  hardLinkAt,
  itself,
  makeDirectoryAt,
  makeLinkAt,
  nameAt,
  O_PATH,
  readLinkAt,
  removeDirectoryAt,
  renameAt,
  reopen,
  statusAt,
  statusOf,
  tryNameAt,
  unlessAbsent,
  unlinkAt,
} from "../protocol/archive/directory.ts";
import type { ByteString } from "../protocol/archive/index.ts";
import { SystemCallError } from "../system/system-call-error.ts";
import type { ContainerRoot } from "./container-root.ts";
import { hasCode } from "../protocol/errors/index.ts";

/** What of a file is changed; what is left out stays. */
export interface FileChanges {
  readonly size?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** 0 to 07777. */
  readonly mode?: number;
  /** Nanoseconds since 1970. */
  readonly accessedNs?: bigint;
  readonly modifiedNs?: bigint;
}

/** The container's files one by one, as an SFTP server needs them; every call throws the system's error. */
export class FileAccess {
  readonly #root: ContainerRoot;

  constructor(root: ContainerRoot) {
    this.#root = root;
  }

  /**
   * Opens a regular file, following links. A FIFO, a device or a socket is refused: to open one can block, or do
   * something.
   *
   * @returns a descriptor, for the caller to close.
   */
  openFile(path: ByteString, flags: number, mode: number): number {
    const { O_CREAT, O_EXCL, O_NONBLOCK, O_NOCTTY } = constants;
    const named = unlessAbsent(() => this.#root.open(path, O_PATH));
    if (named === undefined) {
      if ((flags & O_CREAT) === 0) throw refusal("ENOENT", -2, "no such file or directory");
      return regular(this.#root.open(path, flags | O_NONBLOCK | O_NOCTTY, mode));
    }
    try {
      const isNew = (flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0;
      if (isNew) throw refusal("EEXIST", -17, "file exists");
      if (!statusOf(named).isFile()) throw refusal("EINVAL", -22, "not a regular file");
      return reopen(named, flags & ~(O_CREAT | O_EXCL));
    } finally {
      closeSync(named);
    }
  }

  /** Opens a folder, following links; an O_PATH descriptor, for the caller to close. */
  openFolder(path: ByteString): number {
    return this.#root.open(path, O_PATH | constants.O_DIRECTORY);
  }

  isFolder(path: ByteString): boolean {
    try {
      return this.status(path, true).isDirectory();
    } catch (error) {
      // Whatever is in the way: it is no folder then.
      if (error instanceof Error && "code" in error) return false;
      throw error;
    }
  }

  /** stat(2) or lstat(2). */
  status(path: ByteString, follows: boolean): BigIntStats {
    return this.#named(path, follows, statusOf);
  }

  statusOpen(descriptor: number): BigIntStats {
    return statusOf(descriptor);
  }

  fileSystemOpen(descriptor: number): BigIntStatsFs {
    return statfsSync(itself(descriptor), { bigint: true });
  }

  fileSystem(path: ByteString): BigIntStatsFs {
    return this.#named(path, true, (descriptor) => statfsSync(itself(descriptor), { bigint: true }));
  }

  change(path: ByteString, follows: boolean, changes: FileChanges): void {
    this.#named(path, follows, (descriptor) => this.changeOpen(descriptor, changes));
  }

  /** Of what a descriptor names. */
  changeOpen(descriptor: number, { size, uid, gid, mode, accessedNs, modifiedNs }: FileChanges): void {
    if (size !== undefined) truncate(descriptor, size);
    const status = statusOf(descriptor);
    if (uid !== undefined || gid !== undefined)
      changeOwner(descriptor, uid ?? Number(status.uid), gid ?? Number(status.gid));
    if (mode !== undefined && !status.isSymbolicLink()) changeMode(descriptor, mode);
    if (accessedNs !== undefined || modifiedNs !== undefined)
      this.#root.system.setTimes(descriptor, accessedNs, modifiedNs);
  }

  makeFolder(path: ByteString, mode: number): void {
    using place = this.#root.place(withoutSlash(path));
    makeDirectoryAt(place.directory, place.name, mode);
  }

  removeFolder(path: ByteString): void {
    using place = this.#root.place(withoutSlash(path));
    removeDirectoryAt(place.directory, place.name);
  }

  remove(path: ByteString): void {
    using place = this.#root.place(path);
    unlinkAt(place.directory, place.name);
  }

  /** @param replaces rename(2); without it, what has the new name already is kept (EEXIST). */
  rename(from: ByteString, to: ByteString, replaces: boolean): void {
    using old = this.#root.place(withoutSlash(from));
    using next = this.#root.place(withoutSlash(to));
    if (replaces) return renameAt(old.directory, old.name, next.directory, next.name);
    const status = statusAt(old.directory, old.name);
    if (status?.isFile() === true) {
      // A second name cannot be made where there is one, whoever comes in between.
      hardLinkAt(old.directory, old.name, next.directory, next.name);
      return unlinkAt(old.directory, old.name);
    }
    if (statusAt(next.directory, next.name) !== undefined) throw refusal("EEXIST", -17, "file exists");
    renameAt(old.directory, old.name, next.directory, next.name);
  }

  makeHardLink(from: ByteString, to: ByteString): void {
    using old = this.#root.place(from);
    using next = this.#root.place(to);
    hardLinkAt(old.directory, old.name, next.directory, next.name);
  }

  makeLink(path: ByteString, target: ByteString): void {
    using place = this.#root.place(path);
    makeLinkAt(place.directory, place.name, target);
  }

  readLink(path: ByteString): ByteString {
    using place = this.#root.place(path);
    return readLinkAt(place.directory, place.name);
  }

  /** The path without links; of what is not there yet, the folder's that it would be in. */
  realPath(path: ByteString): ByteString {
    const descriptor = unlessAbsent(() => this.#root.open(path, O_PATH));
    if (descriptor !== undefined) {
      try {
        return this.#root.pathOf(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }
    using place = this.#root.place(withoutSlash(path));
    const folder = this.#root.pathOf(place.directory);
    return `${folder === "/" ? "" : folder}/${place.name}`;
  }

  /** A name of an open folder; undefined when it is gone. */
  statusIn(folder: number, name: ByteString): BigIntStats | undefined {
    return unlessAbsent(() => {
      const descriptor = tryNameAt(folder, name);
      if (descriptor === undefined) return undefined;
      try {
        return statusOf(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  /** The beginning of a small file of the container's, such as /etc/passwd; empty when there is none. */
  readText(path: ByteString, mostBytes: number): string {
    try {
      const descriptor = this.openFile(path, constants.O_RDONLY, 0);
      try {
        const content = Buffer.alloc(mostBytes);
        return content.toString("utf8", 0, readSync(descriptor, content, 0, mostBytes, 0));
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      // Numbers do where the container has no names.
      if (error instanceof Error && "code" in error) return "";
      throw error;
    }
  }

  #named<Result>(path: ByteString, follows: boolean, use: (descriptor: number) => Result): Result {
    const descriptor = follows ? this.#root.open(path, O_PATH) : this.#nameItself(path);
    try {
      return use(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  #nameItself(path: ByteString): number {
    using place = this.#root.place(path);
    return nameAt(place.directory, place.name);
  }
}

function regular(descriptor: number): number {
  if (statusOf(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  throw refusal("EINVAL", -22, "not a regular file");
}

function truncate(descriptor: number, size: number): void {
  if (!statusOf(descriptor).isFile()) throw refusal("EINVAL", -22, "not a regular file");
  try {
    ftruncateSync(descriptor, size);
  } catch (error) {
    // An O_PATH descriptor is not open; the file behind it is a regular one.
    if (!hasCode(error, "EBADF")) throw error;
    truncateSync(itself(descriptor), size);
  }
}

function withoutSlash(path: ByteString): ByteString {
  return path.replace(/(?<=.)\/+$/, "");
}

function refusal(code: string, errno: number, reason: string): SystemCallError {
  return new SystemCallError(code, errno, "open", reason, undefined);
}
