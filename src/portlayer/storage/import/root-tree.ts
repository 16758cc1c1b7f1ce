import { chmod, lstat, mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What the guest mounts on or binds over: Docker adds the same to every container. Parents come first. */
const MOUNT_POINTS: readonly { readonly path: string; readonly make: (path: string) => Promise<unknown> }[] =
  [
    ...["proc", "sys", "dev", "etc"].map((path) => ({ path, make: makeFolder })),
    ...["etc/hostname", "etc/hosts", "etc/resolv.conf"].map((path) => ({ path, make: makeEmptyFile })),
    { path: "etc/mtab", make: (path) => symlink("/proc/mounts", path) },
  ];

/**
 * Adds to an unpacked image what every container needs and this image lacks. Whatever the image has is left
 * as it is, and nothing is made through a symbolic link: it could lead out of the tree. The folders' times
 * stay the image's.
 */
export async function completeRootTree(root: string): Promise<void> {
  for (const { path, make } of MOUNT_POINTS) {
    const target = join(root, path);
    const parent = dirname(target);
    const before = await lstat(parent);
    if (!before.isDirectory() || (await exists(target))) continue;
    await make(target);
    await utimes(parent, before.atime, before.mtime);
  }
}

// The modes are set apart from the making, which our umask would narrow.
async function makeFolder(path: string): Promise<void> {
  await mkdir(path);
  await chmod(path, 0o755);
}

async function makeEmptyFile(path: string): Promise<void> {
  await writeFile(path, "", { flag: "wx" });
  await chmod(path, 0o644);
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );
