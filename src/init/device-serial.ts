import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The serial number of a virtio disk, or of a SCSI disk, whose page 0x80 has it behind four bytes (SPC-4, 7.8.15).
 *
 * @param folder the disk's in sysfs.
 */
export function readDeviceSerial(folder: string): string | undefined {
  return readSysfsText(join(folder, "serial")) ?? readSysfsText(join(folder, "device/vpd_pg80"), 4);
}

/** @returns undefined when there is nothing to read. */
export function readSysfsText(path: string, offset = 0): string | undefined {
  try {
    return readFileSync(path).subarray(offset).toString("latin1").trim();
  } catch {
    // A device of another kind, or one that went this moment.
    return undefined;
  }
}
