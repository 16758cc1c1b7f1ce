import { setTimeout as delay } from "node:timers/promises";
import type { System } from "../../system/system.ts";
import { decodeAnswers, decodeAttributes, encodeMessages, NETLINK_ROUTE, NLM_F_DUMP } from "./netlink.ts";

/* Addresses that the kernel has made by itself of what routers advertise (SLAAC, RFC 4862). */

const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const AF_INET6 = 10;
const RT_SCOPE_UNIVERSE = 0;
const IFA_ADDRESS = 1;
const IFA_FLAGS = 8;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_PERMANENT = 0x80;
const HEADER_BYTES = 8;

/** The addresses of a device that routers have brought about, with their prefix lengths. */
export function observeAddresses(system: System, index: number): string[] {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(AF_INET6, 0);
  const answers = system.netlink(
    NETLINK_ROUTE,
    encodeMessages([{ type: RTM_GETADDR, flags: NLM_F_DUMP, payload }]),
  );
  return decodeAnswers(answers).flatMap(({ type, payload: bytes }) => {
    const header = Buffer.from(bytes.subarray(0, HEADER_BYTES));
    if (type !== RTM_NEWADDR || header.length < HEADER_BYTES || header.readUInt32LE(4) !== index) return [];
    const attributes = decodeAttributes(bytes.subarray(HEADER_BYTES));
    const flags = Buffer.from(attributes.get(IFA_FLAGS) ?? [0, 0, 0, 0]).readUInt32LE(0);
    const address = attributes.get(IFA_ADDRESS);
    const isOurs =
      (flags & (IFA_F_PERMANENT | IFA_F_TENTATIVE)) !== 0 || header.readUInt8(3) !== RT_SCOPE_UNIVERSE;
    return isOurs || address === undefined ? [] : [`${textOf(address)}/${header.readUInt8(1)}`];
  });
}

/**
 * Waits for an address that a router brings about; woken by the kernel.
 *
 * @returns none when it has not come within `limitMs`.
 */
export async function awaitAddress(system: System, index: number, limitMs: number): Promise<string[]> {
  const changed = Promise.withResolvers<string[]>();
  const look = (): void => {
    const addresses = observeAddresses(system, index);
    if (addresses.length > 0) changed.resolve(addresses);
  };
  const limit = new AbortController();
  const bridge = system.watchAddresses({ onMessage: look, onError: changed.reject });
  try {
    look();
    const over = delay(limitMs, [], { signal: limit.signal });
    over.catch(() => {});
    return await Promise.race([changed.promise, over]);
  } finally {
    limit.abort();
    void bridge.close();
  }
}

/** As RFC 5952 wants it, which is how URLs have it. */
function textOf(address: Uint8Array): string {
  const groups = Buffer.from(address).toString("hex").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
