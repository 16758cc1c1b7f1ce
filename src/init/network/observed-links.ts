import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitObserved } from "./await-observed.ts";
import {
  decodeAnswers,
  decodeAttributes,
  encodeMessages,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  u32,
} from "./netlink.ts";

/*
 * A link that is up sends nothing before its card has found the other end, which the e1000e takes two seconds for; its
 * packets are thrown away until then (Documentation/networking/operstates.rst in the kernel's source).
 */

/** Drivers that cannot tell leave it at `unknown`. */
const CARRYING = ["up", "unknown"];

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_CARRIER = 33;
const HEADER_BYTES = 16;

/**
 * The links, up or not, whose cards have found the other end, by their indexes. Such a link sends IPv4's packets from the
 * moment on that it is brought up; its state, which IPv6 waits for, may be a second late: the kernel works off what a
 * card that was down has found once a second (net/core/link_watch.c).
 */
export function listCarriers(system: System): ReadonlySet<number> {
  const payload = Buffer.concat([Buffer.alloc(HEADER_BYTES), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]);
  const question = encodeMessages([{ type: RTM_GETLINK, flags: NLM_F_DUMP, payload }]);
  const carriers = new Set<number>();
  for (const answer of decodeAnswers(system.netlink(NETLINK_ROUTE, question))) {
    if (answer.type !== RTM_NEWLINK || answer.payload.length < HEADER_BYTES) continue;
    const [hasCarrier] = decodeAttributes(answer.payload.subarray(HEADER_BYTES)).get(IFLA_CARRIER) ?? [];
    if (hasCarrier === 1) carriers.add(Buffer.from(answer.payload).readInt32LE(4));
  }
  return carriers;
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
