import { closeSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitDevices } from "../await-devices.ts";
import { readDeviceSerial } from "../device-serial.ts";
import type { DeviceFolders } from "../block-devices.ts";
import type { KernelModules } from "../kernel-modules.ts";
import { loadDrivers } from "../load-drivers.ts";
import type { BlockSource, VolumeConfiguration } from "./configuration.ts";
import { readSuperblock, type Superblock } from "../superblock.ts";

/** A disk of the machine's that may be a volume. */
export interface Disk {
  /** `vdc`. */
  readonly name: string;
  /** Its path in /dev. */
  readonly path: string;
  readonly serial: string | undefined;
  /** `2:0:1:0`; undefined on another bus. */
  readonly scsiAddress: string | undefined;
  readonly isReadOnly: boolean;
  /** Undefined: no file system that volumes may have. */
  readonly superblock: Superblock | undefined;
}

/** A volume on a disk. */
export type BlockVolume = VolumeConfiguration & { readonly source: BlockSource };

export function isBlock(volume: VolumeConfiguration): volume is BlockVolume {
  return volume.source.kind === "block";
}

/** What looking for disks needs. */
export interface DiskSearch {
  readonly system: System;
  readonly modules: KernelModules;
  readonly sysfs: string;
  readonly folders: DeviceFolders;
  /** Device numbers that are no volume's: the agent's image and the container's own disk. */
  readonly excluded: ReadonlySet<number>;
}

/** virtio's and SCSI's controllers are on PCI, SCSI's disks behind them. */
const BUSES = ["pci", "virtio", "scsi"] as const;

/**
 * Finds the disk of each volume, loads drivers that are lacking, and waits for disks that are still to come; woken by
 * the kernel.
 *
 * @returns by the volumes' names.
 * @throws TetherError `volume-missing` that names what was looked for and what is there, `conflict` when several disks
 *   fit.
 */
export async function findDisks(
  search: DiskSearch,
  volumes: readonly BlockVolume[],
): Promise<ReadonlyMap<string, Disk>> {
  if (volumes.length === 0) return new Map();
  const limits = volumes.map((volume) => ({
    limitMs: volume.timeoutMs,
    missing: () => (lookFor(search, volumes).has(volume.name) ? undefined : missing(search, volume)),
  }));
  const look = (): ReadonlyMap<string, Disk> | undefined => {
    const disks = lookWithDrivers(search, volumes);
    return disks.size === volumes.length ? disks : undefined;
  };
  return awaitDevices(search.system, look, limits);
}

function lookWithDrivers(search: DiskSearch, volumes: readonly BlockVolume[]): ReadonlyMap<string, Disk> {
  const disks = lookFor(search, volumes);
  if (disks.size === volumes.length) return disks;
  loadDrivers(search.modules, search.sysfs, BUSES);
  return lookFor(search, volumes);
}

/** The disks of the machine; those without a medium, or that are not there yet, are none. */
export function listDisks({ folders, excluded }: Omit<DiskSearch, "system" | "modules" | "sysfs">): Disk[] {
  return readdirSync(folders.blockClass)
    .filter((name) => !/^(loop|ram|zram|sr|fd)\d/.test(name))
    .sort()
    .flatMap((name): Disk[] => {
      try {
        return describe(folders, name, excluded);
      } catch {
        return [];
      }
    });
}

function describe(folders: DeviceFolders, name: string, excluded: ReadonlySet<number>): Disk[] {
  const path = join(folders.devices, name);
  const sysfs = join(folders.blockClass, name);
  if (excluded.has(statSync(path).rdev)) return [];
  closeSync(openSync(path, "r"));
  return [
    {
      name,
      path,
      serial: readDeviceSerial(sysfs),
      scsiAddress: scsiAddressOf(sysfs),
      isReadOnly: readFileSync(join(sysfs, "ro"), "latin1").trim() === "1",
      superblock: readSuperblock(path),
    },
  ];
}

/** sysfs names a SCSI device by it. */
function scsiAddressOf(sysfs: string): string | undefined {
  try {
    const name = basename(realpathSync(join(sysfs, "device")));
    return /^\d+:\d+:\d+:\d+$/.test(name) ? name : undefined;
  } catch {
    // A partition, or a device without hardware.
    return undefined;
  }
}

function lookFor(search: DiskSearch, volumes: readonly BlockVolume[]): ReadonlyMap<string, Disk> {
  const disks = listDisks(search);
  return new Map(
    volumes.flatMap(({ name, source }) => {
      const [disk, other] = disks.filter((each) => fits(each, source));
      if (other !== undefined)
        throw new TetherError(
          "conflict",
          `volume ${name}: ${describeSource(source)} fits the disks ${disk?.name} and ${other.name}`,
        );
      return disk === undefined ? [] : [[name, disk] as const];
    }),
  );
}

/** A disk that is to be formatted gets its label then. */
function fits(disk: Disk, source: BlockSource): boolean {
  const { label, uuid, serial, scsiAddress } = source;
  const isUnformatted =
    source.isFormatted && disk.superblock === undefined && (serial ?? scsiAddress) !== undefined;
  return (
    (label === undefined || isUnformatted || disk.superblock?.label === label) &&
    (uuid === undefined || disk.superblock?.uuid === uuid) &&
    (serial === undefined || disk.serial === serial) &&
    (scsiAddress === undefined || fitsAddress(disk.scsiAddress, scsiAddress))
  );
}

/** `1:0` is target and LUN on any host and channel. */
function fitsAddress(address: string | undefined, wanted: string): boolean {
  return address === wanted || (wanted.split(":").length === 2 && address?.endsWith(`:${wanted}`) === true);
}

function describeSource({ label, uuid, serial, scsiAddress }: BlockSource): string {
  const words = { label, UUID: uuid, "serial number": serial, "SCSI address": scsiAddress };
  return Object.entries(words)
    .flatMap(([word, value]) => (value === undefined ? [] : [`${word} ${value}`]))
    .join(", ");
}

function missing(search: DiskSearch, { name, source, timeoutMs }: BlockVolume): TetherError {
  const seen = listDisks(search).map((disk) => {
    const { label = "", uuid } = disk.superblock ?? {};
    const words = [
      disk.serial ? `serial number ${disk.serial}` : "",
      disk.scsiAddress ? `SCSI address ${disk.scsiAddress}` : "",
      disk.superblock === undefined ? "no ext4 or xfs" : `${disk.superblock.fileSystem} "${label}" ${uuid}`,
    ];
    return `${disk.name} (${words.filter((word) => word !== "").join(", ")})`;
  });
  return new TetherError(
    "volume-missing",
    `volume ${name}: no disk with ${describeSource(source)} after ${timeoutMs / 1000} s: ` +
      (seen.length === 0 ? "the VM has no further disk" : `there is ${seen.join(", ")}`),
  );
}
