import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitObserved } from "./await-observed.ts";
import { type InterfaceConfiguration, usesIpv6 } from "./configuration.ts";
import { deviceOf } from "./devices.ts";
import { type Link, listLinks } from "./links.ts";

/*
 * A link that is up sends nothing before its card has found the other end, which the e1000e takes two seconds for; its
 * packets are thrown away until then (Documentation/networking/operstates.rst in the kernel's source).
 */

/** Drivers that cannot tell leave it at `unknown`. */
const CARRYING = ["up", "unknown"];

/**
 * Those of the vNICs, which are to be brought up, that are not ready as soon as they are. A link whose card has found the
 * other end before sends IPv4's packets at once; its state, which IPv6 waits for, may be a second late: the kernel works
 * off what a card that was down has found once a second (net/core/link_watch.c).
 */
export function withoutCarrier(
  system: System,
  raised: readonly InterfaceConfiguration[],
  links: ReadonlyMap<string, Link>,
): InterfaceConfiguration[] {
  if (raised.every((vnic) => deviceOf(links, vnic).hasCarrier)) return raised.filter(usesIpv6);
  // A card that was just plugged looks for it beside its driver.
  const now = new Map(listLinks(system).map(({ index, hasCarrier }) => [index, hasCarrier]));
  return raised.filter((vnic) => usesIpv6(vnic) || now.get(deviceOf(links, vnic).index) !== true);
}

/** Whether a link that is up carries packets; one that was unplugged does not. */
export function carries(sysfs: string, name: string): boolean {
  try {
    return CARRYING.includes(readFileSync(join(sysfs, "class/net", name, "operstate"), "utf8").trim());
  } catch (error) {
    // EINVAL and ENODEV: it goes while it is read.
    if (hasCode(error, "ENOENT", "EINVAL", "ENODEV")) return false;
    throw error;
  }
}

/**
 * Waits until links carry packets.
 *
 * @returns the names of those that do not after `limitMs`: nothing is plugged in at their other ends.
 */
export async function awaitLinks(
  system: System,
  names: readonly string[],
  limitMs: number,
  sysfs: string,
): Promise<string[]> {
  const waiting = (): string[] => names.filter((name) => !carries(sysfs, name));
  if (waiting().length === 0) return [];
  return (await awaitObserved(system, () => waiting().length === 0, limitMs)) ? [] : waiting();
}
