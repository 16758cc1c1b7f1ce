import type { System } from "../../system/system.ts";
import {
  decodeAnswers,
  decodeAttributes,
  encodeMessages,
  NETLINK_ROUTE,
  NLM_F_DUMP,
  u32,
} from "./netlink.ts";

/* Numbers are those of linux/rtnetlink.h and linux/if_link.h. */

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_CARRIER = 33;
const WANTED = [IFLA_ADDRESS, IFLA_IFNAME, IFLA_CARRIER];
const HEADER_BYTES = 16;

/** A network device of the kernel's. */
export interface NetworkDevice {
  readonly index: number;
  readonly name: string;
  readonly mac: string;
}

/** A network device as it is at the moment, up or not. */
export interface Link extends NetworkDevice {
  /** Its card has found the other end. */
  readonly hasCarrier: boolean;
}

/** All network devices, in one question: a file of sysfs for each property of each would be ten times as much work. */
export function listLinks(system: System): Link[] {
  const payload = Buffer.concat([Buffer.alloc(HEADER_BYTES), u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]);
  const question = encodeMessages([{ type: RTM_GETLINK, flags: NLM_F_DUMP, payload }]);
  return decodeAnswers(system.netlink(NETLINK_ROUTE, question)).flatMap(
    ({ type, payload: bytes }): Link[] => {
      if (type !== RTM_NEWLINK || bytes.length < HEADER_BYTES) return [];
      const attributes = decodeAttributes(bytes.subarray(HEADER_BYTES), WANTED);
      const name = Buffer.from(attributes.get(IFLA_IFNAME) ?? [])
        .toString("latin1")
        .replace("\0", "");
      const mac = Buffer.from(attributes.get(IFLA_ADDRESS) ?? [])
        .toString("hex")
        .replaceAll(/..(?!$)/g, "$&:");
      const [carrier] = attributes.get(IFLA_CARRIER) ?? [];
      return [{ index: Buffer.from(bytes).readInt32LE(4), name, mac, hasCarrier: carrier === 1 }];
    },
  );
}
