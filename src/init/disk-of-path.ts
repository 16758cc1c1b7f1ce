import { readlinkSync, statSync } from "node:fs";
import { basename } from "node:path";

/** The folder in sysfs of the disk that holds a path; a link. */
export function diskFolder(path: string): string {
  const { dev } = statSync(path, { bigint: true });
  // gnu_dev_major(3).
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  return `/sys/dev/block/${major}:${minor}`;
}

/** The name (`vda`) of the disk that holds a path. @throws Error ENOENT when no disk does, as with a tmpfs. */
export function readDiskName(path: string): string {
  return basename(readlinkSync(diskFolder(path)));
}
