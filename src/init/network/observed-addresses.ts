import type { System } from "../../system/system.ts";
import { awaitObserved } from "./await-observed.ts";
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

/** An IPv6 address as the kernel has it. */
interface ObservedAddress {
  readonly index: number;
  /** With its prefix length. */
  readonly text: string;
  readonly isTentative: boolean;
  /** Made by the kernel, of what a router advertises. */
  readonly isAdvertised: boolean;
}

/** The addresses of a device that routers have brought about, with their prefix lengths. */
export function observeAddresses(system: System, index: number): string[] {
  return listAddresses(system)
    .filter((each) => each.index === index && each.isAdvertised && !each.isTentative)
    .map(({ text }) => text);
}

/**
 * Waits for an address that a router brings about; woken by the kernel.
 *
 * @returns none when it has not come within `limitMs`.
 */
export async function awaitAddress(system: System, index: number, limitMs: number): Promise<string[]> {
  const look = (): string[] => observeAddresses(system, index);
  return (await awaitObserved(system, () => look().length > 0, limitMs)) ? look() : [];
}

/**
 * Waits until no address of these devices is tentative any more, which is when their links have their other ends; not
 * for longer than `limitMs`, for there may be none.
 */
export async function awaitSettled(
  system: System,
  indexes: readonly number[],
  limitMs: number,
): Promise<void> {
  const isSettled = (): boolean =>
    !listAddresses(system).some(({ index, isTentative }) => isTentative && indexes.includes(index));
  if (!isSettled()) await awaitObserved(system, isSettled, limitMs);
}

function listAddresses(system: System): ObservedAddress[] {
  const payload = Buffer.alloc(HEADER_BYTES);
  payload.writeUInt8(AF_INET6, 0);
  const question = encodeMessages([{ type: RTM_GETADDR, flags: NLM_F_DUMP, payload }]);
  return decodeAnswers(system.netlink(NETLINK_ROUTE, question)).flatMap((answer) => {
    const header = Buffer.from(answer.payload.subarray(0, HEADER_BYTES));
    const attributes = decodeAttributes(answer.payload.subarray(HEADER_BYTES));
    const address = attributes.get(IFA_ADDRESS);
    if (answer.type !== RTM_NEWADDR || header.length < HEADER_BYTES || address === undefined) return [];
    const flags = Buffer.from(attributes.get(IFA_FLAGS) ?? [0, 0, 0, 0]).readUInt32LE(0);
    return [
      {
        index: header.readUInt32LE(4),
        text: `${textOfAddress6(address)}/${header.readUInt8(1)}`,
        isTentative: (flags & IFA_F_TENTATIVE) !== 0,
        isAdvertised: (flags & IFA_F_PERMANENT) === 0 && header.readUInt8(3) === RT_SCOPE_UNIVERSE,
      },
    ];
  });
}

/** As RFC 5952 wants it, which is how URLs have it. */
export function textOfAddress6(address: Uint8Array): string {
  const groups = Buffer.from(address).toString("hex").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}
