import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitObserved } from "./await-observed.ts";

/*
 * A link that is up sends nothing before its card has found the other end, which the e1000e takes two seconds for; its
 * packets are thrown away until then (Documentation/networking/operstates.rst in the kernel's source).
 */

/** Drivers that cannot tell leave it at `unknown`. */
const CARRYING = ["up", "unknown"];

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
