import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitDevices } from "../await-devices.ts";
import type { KernelModules } from "../kernel-modules.ts";
import { loadDrivers } from "../load-drivers.ts";
import type { InterfaceConfiguration } from "./configuration.ts";
import { type Link, listLinks } from "./links.ts";

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
): Promise<ReadonlyMap<string, Link>> {
  const look = (): ReadonlyMap<string, Link> | undefined => {
    const devices = lookFor(system, interfaces, sysfs);
    if (devices.size === interfaces.length) return devices;
    loadDrivers(modules, sysfs, BUSES);
    const now = lookFor(system, interfaces, sysfs);
    return now.size === interfaces.length ? now : undefined;
  };
  return awaitDevices(system, look, [
    { limitMs, missing: () => missing(system, interfaces, limitMs, sysfs) },
  ]);
}

/** Those of the vNICs that are there. */
function lookFor(
  system: System,
  interfaces: readonly InterfaceConfiguration[],
  sysfs: string,
): ReadonlyMap<string, Link> {
  const present = listLinks(system);
  return new Map(
    interfaces.flatMap(({ name, mac, pciSlot }) => {
      const link = present.find((each) =>
        mac === undefined
          ? slotOf(sysfs, each) === pciSlot
          : each.mac === mac && slotOf(sysfs, each) !== undefined,
      );
      return link === undefined ? [] : [[name, link] as const];
    }),
  );
}

/** Those with hardware behind them: what somebody has made (a bridge with the MAC of its port) is none. */
export function listDevices(system: System, sysfs: string): Link[] {
  return listLinks(system).filter((link) => slotOf(sysfs, link) !== undefined);
}

/** @returns empty for one that is not on PCI; undefined for one without hardware. */
function slotOf(sysfs: string, { name }: Link): string | undefined {
  const folder = join(sysfs, "class/net", name);
  if (!existsSync(join(folder, "device"))) return undefined;
  // The class has links into the tree of devices: each of their folders is a device behind the one before.
  return (
    readlinkSync(folder)
      .match(/[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g)
      ?.at(-1) ?? ""
  );
}

/** The MTU that a device has now. */
export function readMtu(sysfs: string, name: string): number {
  return Number(readFileSync(join(sysfs, "class/net", name, "mtu"), "utf8"));
}

function missing(
  system: System,
  interfaces: readonly InterfaceConfiguration[],
  limitMs: number,
  sysfs: string,
): TetherError {
  const found = lookFor(system, interfaces, sysfs);
  const lacking = interfaces
    .filter(({ name }) => !found.has(name))
    .map(({ name, mac, pciSlot }) => `${name} (${mac ?? `PCI slot ${pciSlot}`})`);
  const seen = listDevices(system, sysfs).map((link) => `${link.mac} in slot ${slotOf(sysfs, link)}`);
  return new TetherError(
    "network-device-missing",
    `no network device for ${lacking.join(", ")} after ${limitMs / 1000} s: ` +
      (seen.length === 0 ? "the VM has none that works" : `there is ${seen.join(", ")}`),
  );
}

/** What {@link findDevices} has found for a vNIC. */
export function deviceOf(devices: ReadonlyMap<string, Link>, { name }: InterfaceConfiguration): Link {
  const device = devices.get(name);
  if (device === undefined) throw new TetherError("internal", `the vNIC ${name} was not looked for`);
  return device;
}
