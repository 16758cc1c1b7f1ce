import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LAYER_DISK_SERIAL } from "../protocol/link-names.ts";

/** The driver of virtio disks in sysfs (Documentation/ABI/testing/sysfs-bus-*, `bind` and `unbind`). */
const DRIVER = "/sys/bus/virtio/drivers/virtio_blk";

/**
 * Takes the container's disk from its driver: a template has an empty one in the same slot, and a fork's is
 * another, of another size, which the driver only learns when it binds to it.
 *
 * @returns the device, for {@link attachLayerDisk}; undefined when there is none.
 */
export function detachLayerDisk(driver: string = DRIVER): string | undefined {
  const device = readdirSync(driver).find((name) => isLayerDisk(join(driver, name)));
  if (device !== undefined) writeFileSync(join(driver, "unbind"), device);
  return device;
}

/** Gives the disk back to the driver: when this returns, its node in /dev is there. */
export function attachLayerDisk(device: string, driver: string = DRIVER): void {
  writeFileSync(join(driver, "bind"), device);
}

function isLayerDisk(device: string): boolean {
  const block = join(device, "block");
  if (!existsSync(block)) return false;
  return readdirSync(block).some(
    (name) => readFileSync(join(block, name, "serial"), "utf8").trim() === LAYER_DISK_SERIAL,
  );
}
