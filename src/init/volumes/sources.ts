import { chmodSync, chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import type { KernelModules } from "../kernel-modules.ts";
import { MS_DIRSYNC, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_SYNCHRONOUS } from "../mount-flags.ts";
import type { FileSource, NfsSource, TmpfsSource, VolumeConfiguration } from "./configuration.ts";
import type { Disk } from "./disks.ts";

/** What mounting a volume's source needs. */
export interface SourceParts {
  readonly system: System;
  readonly modules: KernelModules;
  /** Sets of kernel modules are loaded before the file system that needs them. */
  readonly resolve: (host: string) => Promise<string>;
}

/**
 * Names what a volume is on: volumes with the same one share its mount.
 *
 * @param disk of a block volume.
 */
export function sourceKey({ name, source }: VolumeConfiguration, disk: Disk | undefined): string {
  switch (source.kind) {
    case "block":
      return `disk-${disk?.name ?? ""}`;
    case "nfs":
      return `nfs ${source.host}:${source.path} ${source.options.join(",")}`;
    case "host-folder":
      return `${source.transport} ${source.tag}`;
    default:
      return `${source.kind} ${name}`;
  }
}

/**
 * Mounts a volume's source in the agent's view.
 *
 * @param isReadOnly also the file system itself, not only what the container sees of it.
 * @throws TetherError `volume-failed` that says what the kernel has refused.
 */
export async function mountSource(
  volume: VolumeConfiguration,
  disk: Disk | undefined,
  mountPoint: string,
  isReadOnly: boolean,
  parts: SourceParts,
): Promise<void> {
  const { source, name } = volume;
  const flags = (isReadOnly ? MS_RDONLY : 0) | synchronousFlags(volume);
  mkdirSync(mountPoint, { recursive: true, mode: 0o700 });
  try {
    if (disk !== undefined) await mountDisk(disk, mountPoint, flags, parts);
    else if (source.kind === "nfs") await mountNfs(source, mountPoint, flags, parts, volume.timeoutMs);
    else if (source.kind === "tmpfs") mountTmpfs(source, mountPoint, flags, parts.system);
    else if (source.kind === "host-folder") {
      const { mountHostFolder } = await import("./host-folder.ts");
      await mountHostFolder(source, mountPoint, flags, { ...parts, timeoutMs: volume.timeoutMs });
    } else if (source.kind === "file") mountFile(source, mountPoint, parts.system);
  } catch (error) {
    throw TetherError.from(error, "volume-failed", `volume ${name} could not be mounted`);
  }
}

/** The other options are of the mount, these of the file system. */
function synchronousFlags({ options }: VolumeConfiguration): number {
  return (options.includes("sync") ? MS_SYNCHRONOUS : 0) | (options.includes("dirsync") ? MS_DIRSYNC : 0);
}

/**
 * Checks what the disk of a volume holds.
 *
 * @throws TetherError `volume-failed`.
 */
export function checkDisk({ name, source, isReadOnly }: VolumeConfiguration, disk: Disk): void {
  const found = disk.superblock?.fileSystem;
  const wanted = source.kind === "block" ? source.fileSystem : undefined;
  const fail = (reason: string): TetherError => new TetherError("volume-failed", `volume ${name}: ${reason}`);
  if (found === undefined) throw fail(`the disk ${disk.name} holds neither ext4 nor xfs`);
  if (wanted !== undefined && found !== wanted)
    throw fail(`the disk ${disk.name} holds ${found}, not ${wanted}`);
  if (disk.isReadOnly && !isReadOnly) throw fail(`the disk ${disk.name} is read-only, and the volume is not`);
}

async function mountDisk(
  disk: Disk,
  mountPoint: string,
  flags: number,
  { system, modules }: SourceParts,
): Promise<void> {
  const fileSystem = disk.superblock?.fileSystem ?? "ext4";
  if (fileSystem === "xfs") modules.loadSet("xfs");
  // What is damaged is not damaged further; a clone of a disk has its UUID, and is a volume of its own.
  const data = fileSystem === "ext4" ? "errors=remount-ro" : "nouuid";
  try {
    await system.mountAside(disk.path, mountPoint, fileSystem, flags, data);
  } catch (error) {
    throw new TetherError("volume-failed", explain(error, disk, fileSystem), { cause: error });
  }
}

function explain(error: unknown, { name, isReadOnly }: Disk, fileSystem: string): string {
  const code = (error as NodeJS.ErrnoException).code;
  const what = `the ${fileSystem} on the disk ${name}`;
  if (code === "EROFS" || (code === "EACCES" && isReadOnly))
    return `${what} was not unmounted, and its journal cannot be replayed on a read-only disk: mount it writable once`;
  if (
    code === "EUCLEAN" ||
    code === "EFSBADCRC" ||
    code === "EFSCORRUPTED" ||
    code === "EINVAL" ||
    code === "EBADMSG"
  )
    return `${what} is damaged (${code}): check it with ${fileSystem === "xfs" ? "xfs_repair" : "e2fsck"}`;
  if (code === "EIO") return `${what} cannot be read (EIO)`;
  return `${what}: ${error instanceof Error ? error.message : String(error)}`;
}

function mountTmpfs(
  { sizeBytes, mode, uid, gid }: TmpfsSource,
  mountPoint: string,
  flags: number,
  system: System,
): void {
  const size = sizeBytes === 0 ? "" : `size=${sizeBytes},`;
  system.mount("tmpfs", mountPoint, "tmpfs", flags, `${size}mode=${mode.toString(8)},uid=${uid},gid=${gid}`);
}

/** A folder in memory with the one file; its name is the view's business. */
function mountFile({ content, mode, uid, gid }: FileSource, mountPoint: string, system: System): void {
  system.mount(
    "tmpfs",
    mountPoint,
    "tmpfs",
    MS_NOSUID | MS_NODEV,
    `mode=700,size=${2 * content.length + 65_536}`,
  );
  const path = join(mountPoint, CONTENT_FILE);
  writeFileSync(path, content, { mode: 0o600 });
  chownSync(path, uid, gid);
  chmodSync(path, mode);
}

/** The file of a volume that is one. */
export const CONTENT_FILE = "content";

async function mountNfs(
  source: NfsSource,
  mountPoint: string,
  flags: number,
  { system, modules, resolve }: SourceParts,
  timeoutMs: number,
): Promise<void> {
  const { nfsMount } = await import("./nfs.ts");
  modules.loadSet("nfs");
  const address = await resolve(source.host);
  const { type, device, data } = nfsMount(source, address);
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      limit.reject(
        new TetherError(
          "volume-missing",
          `${device}: the server has not answered within ${timeoutMs / 1000} s`,
        ),
      ),
    timeoutMs,
  );
  try {
    await Promise.race([system.mountAside(device, mountPoint, type, flags, data), limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
