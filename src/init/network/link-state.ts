import { TetherError } from "../../protocol/errors/index.ts";
import { type IpAddress, type IpPrefix, parseIpAddress, parseIpPrefix } from "../../protocol/ip-address.ts";
import { type InterfaceConfiguration, type RouteConfiguration, usesIpv6 } from "./configuration.ts";
import type { Lease } from "./lease.ts";
import type { NetlinkMessage } from "./netlink.ts";
import {
  addAddress,
  addRoute,
  changeLink,
  type LinkRoute,
  removeAddress,
  removeRoute,
} from "./route-messages.ts";

/** What the kernel is to have of a vNIC; plain data, kept for an agent that takes over. */
export interface LinkState {
  readonly isUp: boolean;
  /** 0: as the device has it. */
  readonly mtu: number;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
  readonly routes: readonly RouteConfiguration[];
}

/** A vNIC that has nothing yet. */
export const BARE: LinkState = { isUp: false, mtu: 0, addresses: [], routes: [] };

/** What a device has by itself. */
export interface OwnProperties {
  /**
   * With it, new IPv4 addresses are announced when the link is up already; the kernel announces all others by itself
   * (arp_notify, ndisc_notify).
   */
  readonly mac: Uint8Array;
  /** Undefined when it still has it. */
  readonly mtu: number | undefined;
}

/** One request to the kernel. */
export interface LinkRequest {
  readonly message: NetlinkMessage;
  /** For the message of its failure: `address 192.0.2.7/24`. */
  readonly what: string;
  /** It may be gone, or there, already. */
  readonly tolerates: readonly string[];
}

/**
 * What the document and the leases that it has say of a vNIC.
 *
 * @param mac of its device.
 */
export function linkStateOf(
  vnic: InterfaceConfiguration,
  leases: readonly Lease[],
  mac: Uint8Array,
): LinkState {
  const gateways = vnic.gateways.map((gateway) => defaultRoute(gateway, vnic.metric));
  const leased = leases.flatMap(({ routes }) =>
    routes.map((route) => ({ ...route, metric: route.metric || vnic.metric })),
  );
  const given = vnic.routes.map((route) => ({ ...route, metric: route.metric || vnic.metric }));
  return {
    isUp: !vnic.isDisabled,
    mtu: vnic.mtu,
    addresses: unique([
      ...(usesIpv6(vnic) ? [linkLocalAddress(mac)] : []),
      ...vnic.addresses,
      ...leases.flatMap(({ addresses }) => addresses),
    ]),
    routes: uniqueRoutes([...gateways, ...given, ...leased]),
  };
}

/**
 * RFC 4291, appendix A. Given by us: the kernel makes its own only when the link's other end is there, and dhcpcd forbids
 * it to.
 */
function linkLocalAddress(mac: Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  const group = (high: number, low: number): string => ((high << 8) | low).toString(16);
  return `fe80::${group(a ^ 2, b)}:${group(c, 0xff)}:${group(0xfe, d)}:${group(e, f)}/64`;
}

function defaultRoute(gateway: string, metric: number): RouteConfiguration {
  return { destination: gateway.includes(":") ? "::/0" : "0.0.0.0/0", gateway, metric };
}

/**
 * What brings a vNIC from one state to the other, in order. Twice the same state: nothing.
 *
 * @param own what the device has by itself.
 */
export function planLink(
  index: number,
  present: LinkState,
  next: LinkState,
  own: OwnProperties,
): LinkRequest[] {
  // A link that goes down loses its routes and IPv6 addresses.
  const kept = present.isUp === next.isUp ? present : { ...present, routes: [], addresses: [] };
  const goneAddresses = present.addresses.filter((each) => !next.addresses.includes(each));
  const newAddresses = next.addresses.filter((each) => !kept.addresses.includes(each));
  // With an address the kernel removes routes that went by its network.
  const before = goneAddresses.length === 0 ? kept.routes : [];
  const goneRoutes = present.routes.filter((each) => !next.routes.some((other) => isSame(each, other)));
  const newRoutes = next.routes.filter((each) => !before.some((other) => isSame(each, other)));
  const mtu = next.mtu === 0 ? own.mtu : next.mtu;
  const isAnnounced = present.isUp && next.isUp && newAddresses.some((each) => !each.includes(":"));
  return [
    ...(present.mtu === next.mtu || mtu === undefined
      ? []
      : [request(changeLink(index, { mtu }), `MTU ${mtu}`)]),
    ...goneRoutes.map((each) => request(removeRoute(index, parseRoute(each)), describe(each), GONE)),
    ...goneAddresses.map((each) => request(removeAddress(index, parsePrefix(each)), `address ${each}`, GONE)),
    ...newAddresses.map((each) => request(addAddress(index, parsePrefix(each)), `address ${each}`)),
    ...(present.isUp === next.isUp
      ? []
      : [request(changeLink(index, { isUp: next.isUp }), next.isUp ? "link up" : "link down")]),
    ...(next.isUp ? newRoutes : []).map((each) =>
      request(addRoute(index, parseRoute(each)), describe(each), THERE),
    ),
    ...(isAnnounced ? [request(changeLink(index, { mac: own.mac }), "announcement of its addresses")] : []),
  ];
}

const GONE = ["ESRCH", "EADDRNOTAVAIL", "ENODEV"];
const THERE = ["EEXIST"];

function request(message: NetlinkMessage, what: string, tolerates: readonly string[] = []): LinkRequest {
  return { message, what, tolerates };
}

function parseRoute({ destination, gateway, metric }: RouteConfiguration): LinkRoute {
  return {
    destination: parsePrefix(destination),
    gateway: gateway === "" ? undefined : parseAddress(gateway),
    metric,
  };
}

function describe({ destination, gateway }: RouteConfiguration): string {
  return `route ${destination}${gateway === "" ? "" : ` by ${gateway}`}`;
}

function parsePrefix(text: string): IpPrefix {
  const prefix = parseIpPrefix(text);
  if (prefix === undefined) throw new TetherError("network-failed", `${text} is no address with a prefix`);
  return prefix;
}

function parseAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TetherError("network-failed", `${text} is no address`);
  return address;
}

function isSame(one: RouteConfiguration, other: RouteConfiguration): boolean {
  return (
    one.destination === other.destination && one.gateway === other.gateway && one.metric === other.metric
  );
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function uniqueRoutes(routes: readonly RouteConfiguration[]): RouteConfiguration[] {
  return routes.filter((route, index) => routes.findIndex((other) => isSame(route, other)) === index);
}
