import { readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../protocol/errors/index.ts";
import { LAYER_DISK_SERIAL } from "../protocol/link-names.ts";
import { readDeviceSerial } from "./device-serial.ts";
import { readSuperblock } from "./superblock.ts";

/** Where block devices are looked for; other folders in tests. */
export interface DeviceFolders {
  /** Usually /dev. */
  readonly devices: string;
  /** Usually /sys/class/block. */
  readonly blockClass: string;
}

/** A machine's own folders. */
export const DEVICE_FOLDERS: DeviceFolders = { devices: "/dev", blockClass: "/sys/class/block" };

/**
 * Waits for a disk that carries a file system with `label`, on whatever bus: disks on SCSI appear after the
 * agent has started. Woken by new nodes in the devices folder, never by a timer.
 *
 * @param limitMs after which it fails with what was seen instead.
 * @returns the device's path.
 * @throws TetherError `guest-initialisation`.
 */
export async function findDiskByLabel(
  label: string,
  limitMs: number,
  folders: DeviceFolders = DEVICE_FOLDERS,
): Promise<string> {
  const found = searchLabel(label, folders);
  if (found !== undefined) return found;
  const appeared = Promise.withResolvers<string>();
  const watcher = watch(folders.devices, () => {
    const path = searchLabel(label, folders);
    if (path !== undefined) appeared.resolve(path);
  });
  const limit = setTimeout(() => appeared.reject(notFound(label, limitMs, folders)), limitMs);
  try {
    // A disk may have appeared between the first look and the watch.
    const meanwhile = searchLabel(label, folders);
    return meanwhile ?? (await appeared.promise);
  } finally {
    clearTimeout(limit);
    watcher.close();
  }
}

/**
 * A container may write any label to a volume's disk, and the next one that has the volume must not be given that as its
 * own disk: where several have the label, the hypervisor's word counts, which no guest can change.
 */
function searchLabel(label: string, folders: DeviceFolders): string | undefined {
  const names = listBlockDevices(folders).filter(
    (name) => labelOrNothing(join(folders.devices, name)) === label,
  );
  const marked = names.find((name) => readDeviceSerial(join(folders.blockClass, name)) === LAYER_DISK_SERIAL);
  const name = marked ?? names[0];
  return name === undefined ? undefined : join(folders.devices, name);
}

/** Whole disks and partitions; a loop or ram disk never is the layer disk. */
function listBlockDevices(folders: DeviceFolders): string[] {
  return readdirSync(folders.blockClass)
    .filter((name) => !/^(loop|ram|zram)/.test(name))
    .sort();
}

/** An ext file system's. An empty drive (ENOMEDIUM) or a node that is not there yet is no candidate. */
function labelOrNothing(path: string): string | undefined {
  try {
    const superblock = readSuperblock(path);
    return superblock?.fileSystem === "ext4" ? superblock.label : undefined;
  } catch {
    return undefined;
  }
}

function notFound(label: string, limitMs: number, folders: DeviceFolders): TetherError {
  const seen = listBlockDevices(folders).map((name) => {
    const other = labelOrNothing(join(folders.devices, name));
    return other === undefined ? name : `${name} (label "${other}")`;
  });
  const disks = seen.length === 0 ? "the VM has no disk" : `found ${seen.join(", ")}`;
  return new TetherError(
    "guest-initialisation",
    `no disk with the label "${label}" after ${limitMs / 1000} s: ${disks}`,
  );
}
