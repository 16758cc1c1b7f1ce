import type { IpAddress, IpPrefix } from "../../protocol/ip-address.ts";
import {
  attribute,
  nested,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REPLACE,
  text,
  u32,
} from "./netlink.ts";

/* Messages of rtnetlink(7): links, addresses and routes. Numbers are those of linux/rtnetlink.h, if_link.h, if_addr.h. */

const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;

const FAMILIES = { 4: 2, 6: 10 } as const;

const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_INET_CONF = 1;

/** As sysctls have them, with their numbers in linux/ip.h (IPV4_DEVCONF_...). */
const IPV4_PARAMETERS = { arp_announce: 18, arp_ignore: 19, arp_notify: 22 } as const;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTNH_F_ONLINK = 4;

/** What of a link is to be changed. */
export interface LinkChange {
  readonly isUp?: boolean;
  readonly name?: string;
  readonly mtu?: number;
  /** Set it to what it is: with arp_notify and ndisc_notify the kernel announces every address (RFC 5227, 4861). */
  readonly mac?: Uint8Array;
  /** Set it to what it is: everybody who watches links is told of it. */
  readonly group?: number;
}

/** A route of the main table. */
export interface LinkRoute {
  readonly destination: IpPrefix;
  readonly gateway: IpAddress | undefined;
  /** 0: the kernel's default. */
  readonly metric: number;
}

export function changeLink(index: number, { isUp, name, mtu, mac, group }: LinkChange): NetlinkMessage {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  if (isUp !== undefined) {
    header.writeUInt32LE(isUp ? IFF_UP : 0, 8);
    header.writeUInt32LE(IFF_UP, 12);
  }
  return {
    type: RTM_SETLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([
      header,
      ...(name === undefined ? [] : [text(IFLA_IFNAME, name)]),
      ...(mtu === undefined ? [] : [u32(IFLA_MTU, mtu)]),
      ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, mac)]),
      ...(group === undefined ? [] : [u32(IFLA_GROUP, group)]),
    ]),
  };
}

/** Parameters of a link, in net.ipv4.conf.LINK (Documentation/networking/ip-sysctl.rst). */
export type Ipv4Parameters = Readonly<Partial<Record<keyof typeof IPV4_PARAMETERS, number>>>;

/** Sets some of them, all in one message; the others stay. */
export function configureIpv4(index: number, parameters: Ipv4Parameters): NetlinkMessage {
  const header = Buffer.alloc(16);
  header.writeInt32LE(index, 4);
  const values = Object.entries(parameters).map(([name, value]) =>
    u32(IPV4_PARAMETERS[name as keyof Ipv4Parameters], value),
  );
  const specification = nested(FAMILIES[4], nested(IFLA_INET_CONF, ...values));
  return {
    type: RTM_SETLINK,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header, nested(IFLA_AF_SPEC, specification)]),
  };
}

/** RFC 4291 section 2.5.6: fe80::/10. */
function isLinkLocal({ bytes }: IpPrefix): boolean {
  return bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
}

/**
 * An address is the network's assignment to this vNIC, and the container's process finds it ready: IPv6's duplicate
 * address detection (RFC 4862 section 5.4) would keep it unusable for a second. With a link-local address the kernel asks
 * for routers, which it must not do before the link's other end is there: until then it stays tentative.
 */
export function addAddress(index: number, address: IpPrefix): NetlinkMessage {
  return addressMessage(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, index, address);
}

export function removeAddress(index: number, address: IpPrefix): NetlinkMessage {
  return addressMessage(RTM_DELADDR, NLM_F_ACK, index, address);
}

function addressMessage(type: number, flags: number, index: number, address: IpPrefix): NetlinkMessage {
  const { family, bytes, prefixLength } = address;
  const header = Buffer.alloc(8);
  header.writeUInt8(FAMILIES[family], 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(index, 4);
  const attributes = [attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)];
  if (family === 4 && prefixLength < 31) attributes.push(attribute(IFA_BROADCAST, broadcastOf(address)));
  if (family === 6 && !isLinkLocal(address)) attributes.push(u32(IFA_FLAGS, IFA_F_NODAD));
  return { type, flags, payload: Buffer.concat([header, ...attributes]) };
}

/** Another vNIC's route to the same destination stays, and comes first. */
export function addRoute(index: number, route: LinkRoute): NetlinkMessage {
  return routeMessage(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND, index, route);
}

export function removeRoute(index: number, route: LinkRoute): NetlinkMessage {
  return routeMessage(RTM_DELROUTE, NLM_F_ACK, index, route);
}

/** A gateway is on the link, whatever prefixes there are: a server may give one outside of its own (RFC 3442). */
function routeMessage(type: number, flags: number, index: number, route: LinkRoute): NetlinkMessage {
  const { destination, gateway, metric } = route;
  const header = Buffer.alloc(12);
  header.writeUInt8(FAMILIES[destination.family], 0);
  header.writeUInt8(destination.prefixLength, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(RTPROT_STATIC, 5);
  header.writeUInt8(scopeOf(type, gateway), 6);
  header.writeUInt8(RTN_UNICAST, 7);
  header.writeUInt32LE(gateway === undefined || type === RTM_DELROUTE ? 0 : RTNH_F_ONLINK, 8);
  return {
    type,
    flags,
    payload: Buffer.concat([
      header,
      ...(destination.prefixLength === 0 ? [] : [attribute(RTA_DST, destination.bytes)]),
      u32(RTA_OIF, index),
      ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, gateway.bytes)]),
      ...(metric === 0 ? [] : [u32(RTA_PRIORITY, metric)]),
    ]),
  };
}

/** Whoever removes a route does not say its scope. */
function scopeOf(type: number, gateway: IpAddress | undefined): number {
  if (type === RTM_DELROUTE) return RT_SCOPE_NOWHERE;
  return gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

function broadcastOf({ bytes, prefixLength }: IpPrefix): Uint8Array {
  const address = Buffer.from(bytes).readUInt32BE();
  const broadcast = Buffer.alloc(4);
  broadcast.writeUInt32BE((address | (0xffff_ffff >>> prefixLength)) >>> 0);
  return broadcast;
}
