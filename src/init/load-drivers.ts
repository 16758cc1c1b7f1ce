import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { KernelModules } from "./kernel-modules.ts";

/**
 * Loads the drivers of the devices that have none.
 *
 * @param buses of sysfs, in the order in which a driver on one brings devices on the next.
 */
export function loadDrivers(modules: KernelModules, sysfs: string, buses: readonly string[]): void {
  for (const bus of buses) {
    const folder = join(sysfs, "bus", bus, "devices");
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const modalias = join(folder, name, "modalias");
      // A SCSI host or target is a device of the bus as well, and has no alias.
      if (existsSync(join(folder, name, "driver")) || !existsSync(modalias)) continue;
      modules.loadDriver(readFileSync(modalias, "utf8").trim());
    }
  }
}
