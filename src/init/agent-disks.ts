import { closeSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isAgentImage } from "../protocol/agent-image.ts";
import { TetherError } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";
import { readDeviceSerial, readSysfsText } from "./device-serial.ts";
import { DEVICE_FOLDERS, type DeviceFolders } from "./block-devices.ts";
import { diskFolder } from "./disk-of-path.ts";

/**
 * Waits for the disk with a serial number, which the hypervisor plugs while the machine runs, and checks that its
 * agent may be executed: as stage 0 does, only from what nobody in the machine can write to.
 *
 * @param limitMs after which it is not waited for any longer.
 * @returns the device's path.
 * @throws TetherError `upgrade-failed`.
 */
export async function findAgentDisk(
  system: System,
  serial: string,
  limitMs: number,
  folders: DeviceFolders = DEVICE_FOLDERS,
): Promise<string> {
  const name = await awaitDisk(system, serial, limitMs, folders);
  const device = join(folders.devices, name);
  if (readSysfsText(join(folders.blockClass, name, "ro")) !== "1")
    throw new TetherError(
      "upgrade-failed",
      `the disk ${name} is not read-only: the container could have written the agent on it`,
    );
  if (!isAgentImage(device)) throw new TetherError("upgrade-failed", `the disk ${name} holds no agent image`);
  return device;
}

/** The serial number of the disk that holds a path; empty when the disk has none, or there is no disk. */
export function readDiskSerial(path: string): string {
  return readDeviceSerial(diskFolder(path)) ?? "";
}

/** Woken by the kernel, which tells of a disk once it can be opened. */
async function awaitDisk(
  system: System,
  serial: string,
  limitMs: number,
  folders: DeviceFolders,
): Promise<string> {
  const found = Promise.withResolvers<string>();
  const look = (): void => {
    const name = readdirSync(folders.blockClass).find(
      (each) =>
        readDeviceSerial(join(folders.blockClass, each)) === serial &&
        canBeOpened(join(folders.devices, each)),
    );
    if (name !== undefined) found.resolve(name);
  };
  const watch = system.watchUevents({ onMessage: look, onError: found.reject });
  const limit = setTimeout(
    () =>
      found.reject(
        new TetherError(
          "upgrade-failed",
          `no disk with the serial number ${serial} after ${limitMs / 1000} s`,
        ),
      ),
    limitMs,
  );
  try {
    look();
    return await found.promise;
  } finally {
    clearTimeout(limit);
    await watch.close();
  }
}

function canBeOpened(device: string): boolean {
  try {
    closeSync(openSync(device, "r"));
    return true;
  } catch {
    // Its node is there a moment before the disk is.
    return false;
  }
}
