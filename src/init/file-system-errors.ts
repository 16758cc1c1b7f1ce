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

/** A look is one small file for each disk: 0.1 ms. */
const PERIOD_MS = 10_000;

/**
 * Watches the file systems of disks while they are in use: ext4 counts its errors in `errors_count`
 * (Documentation/ABI/testing/sysfs-fs-ext4), which is looked at from time to time, as Linux 6.1 wakes nobody who
 * watches it; a disk that is gone has no node any more. XFS tells nobody but whoever asks it for a file.
 */
export class FileSystemErrors {
  readonly #onError: (error: FileSystemError) => void;
  readonly #folders: FileSystemErrorFolders;
  readonly #watched = new Map<string, WatchedDisk>();
  readonly #periodMs: number;
  #nodes: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    onError: (error: FileSystemError) => void,
    folders: FileSystemErrorFolders = { sysfs: "/sys", devices: "/dev" },
    periodMs: number = PERIOD_MS,
  ) {
    this.#onError = onError;
    this.#folders = folders;
    this.#periodMs = periodMs;
  }

  /** Watches these disks from now on, and no others any more; what has failed already is told as well. */
  follow(disks: readonly string[]): void {
    for (const disk of this.#watched.keys()) if (!disks.includes(disk)) this.#watched.delete(disk);
    for (const disk of disks)
      if (!this.#watched.has(disk)) this.#watched.set(disk, { count: 0, isGone: false });
    if (this.#watched.size === 0) this.close();
    else {
      this.#nodes ??= watch(this.#folders.devices, () => this.#lookForNodes());
      this.#timer ??= setInterval(() => this.#lookAtCounts(), this.#periodMs).unref();
    }
    // They may have failed before the watch.
    this.#lookForNodes();
    this.#lookAtCounts();
  }

  close(): void {
    this.#watched.clear();
    this.#nodes?.close();
    this.#nodes = undefined;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #lookAtCounts(): void {
    for (const [disk, watched] of this.#watched) {
      const folder = join(this.#folders.sysfs, "fs/ext4", disk);
      // Another file system, or one that is gone.
      if (!existsSync(join(folder, "errors_count"))) continue;
      const read = (name: string): string => readFileSync(join(folder, name), "utf8").trim();
      const count = Number(read("errors_count"));
      if (count <= watched.count) continue;
      watched.count = count;
      const error = EXT4_ERRORS[Number(read("last_error_errcode"))] ?? "unknown";
      this.#onError({ disk, error, place: read("last_error_func"), count });
    }
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
  /** What was told last. */
  count: number;
  isGone: boolean;
}
