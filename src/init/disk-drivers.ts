import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LAYER_DISK_SERIAL, TEMPLATE_DISK_SERIAL_PREFIX } from "../protocol/link-names.ts";

/** The driver of virtio disks in sysfs (Documentation/ABI/testing/sysfs-bus-*, `bind` and `unbind`). */
const DRIVER = "/sys/bus/virtio/drivers/virtio_blk";

/** The serial numbers of the disks that a template has in the places of a fork's volumes. */
export function listTemplateDisks(driver: string = DRIVER): readonly string[] {
  return disksOf(driver)
    .map(({ serial }) => serial)
    .filter((serial) => serial.startsWith(TEMPLATE_DISK_SERIAL_PREFIX));
}

/**
 * Takes the container's disk and those of its volumes from their driver: a template has empty ones in the same places,
 * and a fork's are others, of other sizes, which the driver only learns when it binds to them.
 *
 * @returns the devices, the container's disk first, for {@link attachDisks}.
 */
export function detachDisks(driver: string = DRIVER): readonly string[] {
  const disks = disksOf(driver);
  const going = [
    ...disks.filter(({ serial }) => serial === LAYER_DISK_SERIAL),
    ...disks.filter(({ serial }) => serial.startsWith(TEMPLATE_DISK_SERIAL_PREFIX)),
  ];
  for (const { device } of going) writeFileSync(join(driver, "unbind"), device);
  return going.map(({ device }) => device);
}

/** Gives the disks back to the driver: when this returns, their nodes in /dev are there. */
export function attachDisks(devices: readonly string[], driver: string = DRIVER): void {
  for (const device of devices) writeFileSync(join(driver, "bind"), device);
}

/** By the numbers that the kernel has given them, which is the order of their places. */
function disksOf(driver: string): ReadonlyArray<{ readonly device: string; readonly serial: string }> {
  const number = (device: string): number => Number(/\d+$/.exec(device)?.[0]);
  return readdirSync(driver)
    .sort((one, other) => number(one) - number(other))
    .flatMap((device) => {
      const block = join(driver, device, "block");
      if (!existsSync(block)) return [];
      return readdirSync(block).map((name) => ({
        device,
        serial: readFileSync(join(block, name, "serial"), "utf8").trim(),
      }));
    });
}
