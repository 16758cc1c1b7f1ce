import { existsSync, type FSWatcher, readFileSync, watch } from "node:fs";
import { join } from "node:path";

/** What has gone wrong with the file system of a disk. */
export interface FileSystemError {
  /** The disk's name (`vdb`). */
  readonly disk: string;
  /** The kernel's word: `EIO`, `EFSCORRUPTED`; `ENODEV` when the disk was pulled out. */
  readonly error: string;
  /** The kernel's function that has met it; empty when that is not known. */
  readonly place: string;
  /** How many errors there were since the file system was checked (e2fsck) the last time. */
  readonly count: number;
}

/** Where the kernel tells of file systems and disks; other folders in tests. */
export interface FileSystemErrorFolders {
  readonly sysfs: string;
  readonly devices: string;
}

/** Of ext4's own numbers (EXT4_ERR_ in fs/ext4/ext4.h); 1 is unknown, and so is what a later kernel has. */
const EXT4_ERRORS: Readonly<Record<number, string>> = {
  2: "EIO",
  3: "ENOMEM",
  4: "EFSBADCRC",
  5: "EFSCORRUPTED",
  6: "ENOSPC",
  7: "ENOKEY",
  8: "EROFS",
  9: "EFBIG",
  10: "EEXIST",
  11: "ERANGE",
  12: "EOVERFLOW",
  13: "EBUSY",
  14: "ENOTDIR",
  15: "ENOTEMPTY",
  16: "ESHUTDOWN",
  17: "EFAULT",
};

/**
 * Watches the file systems of disks while they are in use: ext4 tells of each error by a change of `errors_count`
 * (Documentation/ABI/testing/sysfs-fs-ext4), the kernel of a disk that is gone by the end of its node. XFS tells
 * nobody but whoever asks it for a file.
 */
export class FileSystemErrors {
  readonly #onError: (error: FileSystemError) => void;
  readonly #folders: FileSystemErrorFolders;
  readonly #watched = new Map<string, WatchedDisk>();
  #nodes: FSWatcher | undefined;

  constructor(
    onError: (error: FileSystemError) => void,
    folders: FileSystemErrorFolders = { sysfs: "/sys", devices: "/dev" },
  ) {
    this.#onError = onError;
    this.#folders = folders;
  }

  /** Watches these disks from now on, and no others any more; what has failed already is told as well. */
  follow(disks: readonly string[]): void {
    for (const [disk, { counts }] of this.#watched) {
      if (disks.includes(disk)) continue;
      counts?.close();
      this.#watched.delete(disk);
    }
    for (const disk of disks) if (!this.#watched.has(disk)) this.#begin(disk);
    if (this.#watched.size === 0) this.close();
    else this.#nodes ??= watch(this.#folders.devices, () => this.#lookForNodes());
    // They may have gone before the watch.
    this.#lookForNodes();
  }

  close(): void {
    for (const { counts } of this.#watched.values()) counts?.close();
    this.#watched.clear();
    this.#nodes?.close();
    this.#nodes = undefined;
  }

  #begin(disk: string): void {
    const folder = join(this.#folders.sysfs, "fs/ext4", disk);
    const watched: WatchedDisk = { counts: undefined, count: 0, isGone: false };
    this.#watched.set(disk, watched);
    if (!existsSync(folder)) return;
    const look = (): void => {
      // It goes with the file system.
      if (!existsSync(join(folder, "errors_count"))) return;
      const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();
      const count = Number(read("errors_count"));
      if (count <= watched.count) return;
      watched.count = count;
      const error = EXT4_ERRORS[Number(read("last_error_errcode"))] ?? "unknown";
      this.#onError({ disk, error, place: read("last_error_func"), count });
    };
    watched.counts = watch(join(folder, "errors_count"), look);
    look();
  }

  #lookForNodes(): void {
    for (const [disk, watched] of this.#watched) {
      if (watched.isGone || existsSync(join(this.#folders.devices, disk))) continue;
      watched.isGone = true;
      this.#onError({ disk, error: "ENODEV", place: "", count: watched.count });
    }
  }
}

interface WatchedDisk {
  /** Undefined where the file system does not count its errors. */
  counts: FSWatcher | undefined;
  /** What was told last. */
  count: number;
  isGone: boolean;
}
