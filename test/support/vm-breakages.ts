import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./vm-host.ts";

/**
 * Makes a project's folder with its own boot medium: `vch` finds that from where it is itself.
 *
 * @param bootFiles what is in it, by name.
 * @returns the program to call.
 */
export function makeProject(folder: string, bootFiles: Readonly<Record<string, string>>): readonly string[] {
  const boot = join(folder, "build/boot");
  mkdirSync(boot, { recursive: true });
  for (const [name, path] of Object.entries(bootFiles)) symlinkSync(path, join(boot, name));
  cpSync(join(ROOT, "build/vch"), join(folder, "build/vch"), { recursive: true });
  return [process.execPath, join(folder, "build/vch/vch.cjs")];
}

/** Writes an initramfs whose PID 1 is a shell script. @returns its path. */
export function writeInitramfs(path: string, script: string): string {
  const folder = `${path}.files`;
  mkdirSync(join(folder, "bin"), { recursive: true });
  copyFileSync("/bin/busybox", join(folder, "bin/busybox"));
  writeFileSync(join(folder, "init"), `#!/bin/busybox sh\n${script}\n`, { mode: 0o755 });
  const archive = execFileSync("busybox", ["cpio", "-o", "-H", "newc"], {
    cwd: folder,
    input: "bin\nbin/busybox\ninit\n",
    stdio: ["pipe", "pipe", "ignore"],
    maxBuffer: 1 << 24,
  });
  writeFileSync(path, archive);
  return path;
}

/** An ext4's superblock (ext4's on-disk layout, "Super Block"). */
const SUPERBLOCK = { offset: 1024, bytes: 1024 };

/** Gives the disks of all images another label, in their place: their sizes are known. */
export function breakLabels(images: string): void {
  for (const name of readdirSync(images, { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".qcow2")) breakLabel(join(images, name));
}

function breakLabel(snapshot: string): void {
  const [raw, superblock] = [`${snapshot}.raw`, `${snapshot}.superblock`];
  execFileSync("qemu-img", ["convert", "-O", "raw", snapshot, raw]);
  execFileSync("tune2fs", ["-L", "other", raw], { stdio: "ignore" });
  const { offset, bytes } = SUPERBLOCK;
  const block = [`bs=${bytes}`, `skip=${offset / bytes}`, "count=1"];
  execFileSync("dd", [`if=${raw}`, `of=${superblock}`, ...block], { stdio: "ignore" });
  execFileSync("qemu-io", ["-c", `write -s ${superblock} ${offset} ${bytes}`, snapshot], { stdio: "ignore" });
  rmSync(raw);
  rmSync(superblock);
}
