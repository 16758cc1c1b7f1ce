import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitDevices } from "../await-devices.ts";
import type { KernelModules } from "../kernel-modules.ts";
import { loadDrivers } from "../load-drivers.ts";
import type { InterfaceConfiguration } from "./configuration.ts";

/** A network device of the kernel's. */
export interface NetworkDevice {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
}

/** Buses on which a vNIC waits for its driver: virtio's is one on PCI's. */
const BUSES = ["pci", "virtio"] as const;

/**
 * Finds the device of each vNIC, loads its driver when it has none yet, and waits for those that are still to come;
 * woken by the kernel.
 *
 * @param limitMs after which one that has not come is missing.
 * @returns by the vNICs' names.
 * @throws TetherError `network-device-missing` that names the vNIC and what is there instead.
 */
export async function findDevices(
  system: System,
  modules: KernelModules,
  interfaces: readonly InterfaceConfiguration[],
  limitMs: number,
  sysfs: string,
): Promise<ReadonlyMap<string, NetworkDevice>> {
  const look = (): ReadonlyMap<string, NetworkDevice> | undefined => {
    const devices = lookFor(interfaces, sysfs);
    if (devices.size === interfaces.length) return devices;
    loadDrivers(modules, sysfs, BUSES);
    const now = lookFor(interfaces, sysfs);
    return now.size === interfaces.length ? now : undefined;
  };
  return awaitDevices(system, look, [{ limitMs, missing: () => missing(interfaces, limitMs, sysfs) }]);
}

/** Those of the vNICs that are there. */
function lookFor(
  interfaces: readonly InterfaceConfiguration[],
  sysfs: string,
): ReadonlyMap<string, NetworkDevice> {
  const present = listDevices(sysfs);
  return new Map(
    interfaces.flatMap(({ name, mac, pciSlot }) => {
      const device = present.find((each) =>
        mac === undefined ? each.pciSlot === pciSlot : each.mac === mac,
      );
      return device === undefined ? [] : [[name, device] as const];
    }),
  );
}

/** A device as sysfs shows it. */
export interface SysfsDevice extends NetworkDevice {
  readonly pciSlot: string;
}

/** Devices with hardware behind them: what somebody has made (a bridge with the MAC of its port) is none. */
export function listDevices(sysfs: string): SysfsDevice[] {
  const folder = join(sysfs, "class/net");
  return readdirSync(folder).flatMap((name): SysfsDevice[] => {
    if (!existsSync(join(folder, name, "device"))) return [];
    // The class has links into the tree of devices: each of their folders is a device behind the one before.
    const slots = readlinkSync(join(folder, name)).match(/[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g);
    return [
      {
        name,
        index: Number(readFileSync(join(folder, name, "ifindex"), "utf8")),
        mac: readFileSync(join(folder, name, "address"), "utf8").trim(),
        pciSlot: slots?.at(-1) ?? "",
      },
    ];
  });
}

/** The MTU that a device has now. */
export function readMtu(sysfs: string, name: string): number {
  return Number(readFileSync(join(sysfs, "class/net", name, "mtu"), "utf8"));
}

function missing(interfaces: readonly InterfaceConfiguration[], limitMs: number, sysfs: string): TetherError {
  const found = lookFor(interfaces, sysfs);
  const lacking = interfaces
    .filter(({ name }) => !found.has(name))
    .map(({ name, mac, pciSlot }) => `${name} (${mac ?? `PCI slot ${pciSlot}`})`);
  const seen = listDevices(sysfs).map(({ mac, pciSlot }) => `${mac} in slot ${pciSlot}`);
  return new TetherError(
    "network-device-missing",
    `no network device for ${lacking.join(", ")} after ${limitMs / 1000} s: ` +
      (seen.length === 0 ? "the VM has none that works" : `there is ${seen.join(", ")}`),
  );
}
