import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { LAYER_DISK_LABEL } from "../protocol/link-names.ts";
import { readContainerFile } from "../system/container-file.ts";
import type { MountNamespace, System } from "../system/system.ts";
import { CONTAINER_ROOT, NAMES_FOLDER } from "./agent-mounts.ts";
import { findDiskByLabel } from "./block-devices.ts";
import { containerNamespaceSteps } from "./container-namespace.ts";
import { listMachineDevices } from "./machine-devices.ts";
import { MNT_DETACH, MS_RELATIME } from "./mount-flags.ts";
import { type Names, writeNameFiles } from "./name-files.ts";

/** A disk on a slow bus appears within seconds; one that has not come by then is not attached. */
const DISK_LIMIT_MS = 30_000;

/** Waits for the layer disk. @returns the device's path. */
export function findLayerDisk(): Promise<string> {
  return findDiskByLabel(LAYER_DISK_LABEL, DISK_LIMIT_MS);
}

/** Mounts the layer disk. */
export function mountLayerDisk(system: System, device: string): Promise<void> {
  return system.mountAside(device, CONTAINER_ROOT, "ext4", MS_RELATIME, null);
}

/** How the container's file systems differ from the usual. */
export interface FileSystemOptions {
  /** `docker run --privileged`. */
  readonly privileged: boolean;
  /** `docker run --read-only`. */
  readonly readOnlyRoot: boolean;
  /** Size of /dev/shm; 0 for Docker's default. */
  readonly shmBytes: number;
  /** The main process's, absolute: a read-only root must have it from the start. */
  readonly workingDirectory: string;
}

/** Makes the container's mount namespace over the mounted layer disk. */
export function makeContainerNamespace(
  system: System,
  names: Names,
  options: FileSystemOptions = { privileged: false, readOnlyRoot: false, workingDirectory: "/", shmBytes: 0 },
): MountNamespace {
  mkdirSync(NAMES_FOLDER, { recursive: true });
  const files = writeNameFiles(NAMES_FOLDER, { ...names, imageHosts: readImageHosts(system) });
  const machineDevices = options.privileged ? listMachineDevices() : [];
  const steps = containerNamespaceSteps(CONTAINER_ROOT, files, { ...options, machineDevices });
  return system.createMountNamespace(CONTAINER_ROOT, steps);
}

/** Writes the name files anew, where the container has them mounted. */
export function renewNameFiles(system: System, names: Names): void {
  writeNameFiles(NAMES_FOLDER, { ...names, imageHosts: readImageHosts(system) });
}

/** What lies below the container's own /etc/hosts. */
function readImageHosts(system: System): string | undefined {
  const root = openSync(CONTAINER_ROOT, O_PATH | constants.O_DIRECTORY);
  try {
    return readContainerFile(system, root, "etc/hosts");
  } finally {
    closeSync(root);
  }
}

/** open(2); Node's constants lack it. */
const O_PATH = 0o10000000;

/** Takes the layer disk out of the agent's view; it is unmounted when the container's last process is gone. */
export function unmountLayerDisk(system: System): void {
  system.unmount(CONTAINER_ROOT, MNT_DETACH);
}
