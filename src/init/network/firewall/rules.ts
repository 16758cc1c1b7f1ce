import { parseIpPrefix, maskByte, networkOf } from "../../../protocol/ip-address.ts";
import {
  type FirewallConfiguration,
  type InterfaceConfiguration,
  type PortConfiguration,
  type Trust,
  usesIpv6,
} from "../configuration.ts";
import type { NetlinkMessage } from "../netlink.ts";
import {
  by,
  byMadeInterface,
  compare,
  type Expression,
  masked,
  meta,
  ofAskedPort,
  ofFamily,
  ofKnownConnection,
  ofProtocol,
  payload,
  portBytes,
  redirectBy,
  verdict,
} from "./expressions.ts";
import { TableTransaction } from "./transaction.ts";

/** The table that holds everything of ours; a privileged container may change it. */
export const FIREWALL_TABLE = "tether";

/** linux/netfilter_ipv4.h. */
const PRIORITY_FILTER = 0;
const PRIORITY_DNAT = -100;

type TypeRange = readonly [first: number, last: number];

/** Types of ICMP and ICMPv6 (RFC 792, 4443, 4861, 2710, 3810). */
const ECHO_REQUEST = 8;
const ECHO_REQUEST_6 = 128;
const NEIGHBOUR_DISCOVERY = [133, 137] as const;
const LISTENER_QUERY: TypeRange = [130, 130];
const LISTENER_REPORTS: readonly TypeRange[] = [
  [131, 132],
  [143, 143],
];

/** Of the loopback, in every network namespace. */
const LOOPBACK = 1;

/** What the kernel must be able to do for a set of rules. */
export type FirewallNeed = "rules" | "connections" | "redirections";

/** What of a vNIC its rules depend on; plain data. */
export interface FirewalledInterface {
  readonly name: string;
  readonly firewall: FirewallConfiguration;
  readonly hasDhcp: Readonly<Record<4 | 6, boolean>>;
  readonly hasIpv6: boolean;
}

export function firewalled(vnic: InterfaceConfiguration): FirewalledInterface {
  const { name, firewall, ipv4, ipv6 } = vnic;
  const hasDhcp = { 4: ipv4?.method === "dhcp", 6: ipv6?.method === "dhcp" };
  return { name, firewall, hasDhcp, hasIpv6: usesIpv6(vnic) };
}

/** What of the kernel's abilities the vNICs' rules need: none, when all is open and nothing redirected. */
export function firewallNeeds(interfaces: readonly FirewalledInterface[]): FirewallNeed[] {
  const levels = interfaces.map(({ firewall }) => firewall.trust);
  const isRedirecting = interfaces.some(({ firewall }) => redirections(firewall.ports).length > 0);
  if (levels.every((level) => level === "open") && !isRedirecting) return [];
  const tracks = isRedirecting || levels.some((level) => level !== "open" && level !== "closed");
  return [
    "rules",
    ...(tracks ? (["connections"] as const) : []),
    ...(isRedirecting ? (["redirections"] as const) : []),
  ];
}

/**
 * The rules of all vNICs, in one transaction that takes the place of the rules before. What no rule lets in or out is
 * dropped, also what comes by a vNIC that is not configured; interfaces that the container makes are its own.
 */
export function firewallMessages(interfaces: readonly FirewalledInterface[]): NetlinkMessage[] {
  const table = new TableTransaction(FIREWALL_TABLE);
  const tracks = firewallNeeds(interfaces).includes("connections");
  const filter = { type: "filter", priority: PRIORITY_FILTER, policy: "drop" } as const;
  for (const hook of ["input", "output", "forward"] as const)
    table.addBaseChain({ ...filter, name: hook, hook });
  const loopback = Buffer.alloc(4);
  loopback.writeUInt32LE(LOOPBACK);
  table.addRule("input", meta("iif"), compare("equal", loopback), verdict("accept"));
  table.addRule("output", ...by("out", "lo"), verdict("accept"));
  table.addRule("input", ...byMadeInterface("in"), verdict("accept"));
  table.addRule("output", ...byMadeInterface("out"), verdict("accept"));
  for (const vnic of interfaces) addInterface(table, vnic);
  addForwarding(table, interfaces, tracks);
  addRedirections(table, interfaces);
  return table.messages;
}

function addInterface(table: TableTransaction, vnic: FirewalledInterface): void {
  const { name, firewall } = vnic;
  for (const [hook, direction, rules] of [
    ["input", "in", incoming(vnic)],
    ["output", "out", outgoing(vnic)],
  ] as const) {
    const chain = `${direction}-${name}`;
    table.addChain(chain);
    for (const rule of rules) table.addRule(chain, ...rule, verdict("accept"));
    table.addRule(hook, ...by(direction, name), verdict("jump", chain));
  }
  if (firewall.trust !== "closed") return;
  table.addRule("forward", ...by("in", name), verdict("drop"));
  table.addRule("forward", ...by("out", name), verdict("drop"));
}

/** Each list of conditions lets a packet in. */
function incoming(vnic: FirewalledInterface): Expression[][] {
  const { trust, ports, pools } = vnic.firewall;
  if (trust === "open") return [[]];
  if (trust === "closed") return essential(vnic, "in");
  const beyond: Readonly<Record<Exclude<Trust, "open" | "closed">, () => Expression[][]>> = {
    published: () => [...pings(), ...ports.map(published)],
    outbound: () => [],
    peers: () => pools.map(fromPool),
    bridge: () => pools.map(fromPool),
  };
  return [ofKnownConnection(), ...essential(vnic, "in"), ...beyond[trust]()];
}

function outgoing(vnic: FirewalledInterface): Expression[][] {
  return vnic.firewall.trust === "closed" ? essential(vnic, "out") : [[]];
}

/** What a configured method needs, without which there would be no address or no neighbour. */
function essential(vnic: FirewalledInterface, direction: "in" | "out"): Expression[][] {
  const { hasDhcp, hasIpv6 } = vnic;
  const reports = direction === "in" ? [LISTENER_QUERY] : LISTENER_REPORTS;
  return [
    ...(hasDhcp[4] ? [dhcp(4, direction)] : []),
    ...(hasDhcp[6] ? [dhcp(6, direction)] : []),
    ...(hasIpv6
      ? [neighbourDiscovery(), ...reports.map((range) => [...ofProtocol("icmpv6"), ...ofType(...range)])]
      : []),
  ];
}

/** RFC 4861 section 6.1: a hop limit of 255 has passed no router. */
function neighbourDiscovery(): Expression[] {
  return [
    ...ofProtocol("icmpv6"),
    payload(1, 7, 1),
    compare("equal", Uint8Array.of(255)),
    ...ofType(...NEIGHBOUR_DISCOVERY),
  ];
}

function ofType(first: number, last: number): Expression[] {
  return [payload(2, 0, 1), compare("atLeast", Uint8Array.of(first)), compare("atMost", Uint8Array.of(last))];
}

const DHCP_PORTS = { 4: { server: 67, client: 68 }, 6: { server: 547, client: 546 } } as const;

function dhcp(family: 4 | 6, direction: "in" | "out"): Expression[] {
  const { server, client } = DHCP_PORTS[family];
  const [from, to] = direction === "in" ? [server, client] : [client, server];
  return [
    ...ofFamily(family),
    ...ofProtocol("udp"),
    payload(2, 0, 4),
    compare("equal", Buffer.concat([portBytes(from), portBytes(to)])),
  ];
}

function pings(): Expression[][] {
  return [
    [...ofProtocol("icmp"), ...ofType(ECHO_REQUEST, ECHO_REQUEST)],
    [...ofProtocol("icmpv6"), ...ofType(ECHO_REQUEST_6, ECHO_REQUEST_6)],
  ];
}

function published({ protocol, port, count }: PortConfiguration): Expression[] {
  return [...ofProtocol(protocol), ...ofAskedPort(port, port + count - 1)];
}

/** Offset and length of the source address in its header. */
const SOURCES = { 4: { offset: 12, length: 4 }, 6: { offset: 8, length: 16 } } as const;

function fromPool(pool: string): Expression[] {
  const parsed = parseIpPrefix(pool);
  if (parsed === undefined) return [];
  const { family, bytes, prefixLength } = networkOf(parsed);
  const mask = bytes.map((_, index) => maskByte(prefixLength, index));
  const { offset, length } = SOURCES[family];
  return [...ofFamily(family), payload(1, offset, length), masked(mask), compare("equal", bytes)];
}

/** What is routed through the VM: from what the container has made and from open vNICs, and the answers. */
function addForwarding(
  table: TableTransaction,
  interfaces: readonly FirewalledInterface[],
  tracks: boolean,
): void {
  if (tracks) table.addRule("forward", ...ofKnownConnection(), verdict("accept"));
  table.addRule("forward", ...byMadeInterface("in"), verdict("accept"));
  for (const { name, firewall } of interfaces)
    if (firewall.trust === "open") table.addRule("forward", ...by("in", name), verdict("accept"));
}

function addRedirections(table: TableTransaction, interfaces: readonly FirewalledInterface[]): void {
  const redirecting = interfaces.filter(({ firewall }) => redirections(firewall.ports).length > 0);
  if (redirecting.length === 0) return;
  const chain = { name: "prerouting", type: "nat", hook: "prerouting" } as const;
  table.addBaseChain({ ...chain, priority: PRIORITY_DNAT, policy: "accept" });
  for (const { name, firewall } of redirecting) {
    const ports = redirections(firewall.ports);
    for (const protocol of new Set(ports.map((each) => each.protocol))) {
      const map = `${protocol}-${name}`;
      const pairs = ports.filter((each) => each.protocol === protocol).flatMap(pairsOf);
      const id = table.addPortMap(map, pairs);
      table.addRule("prerouting", ...by("in", name), ...ofProtocol(protocol), ...redirectBy(map, id));
    }
  }
}

function redirections(ports: readonly PortConfiguration[]): PortConfiguration[] {
  return ports.filter(({ port, targetPort }) => port !== targetPort);
}

function pairsOf({ port, targetPort, count }: PortConfiguration): Array<readonly [number, number]> {
  return Array.from({ length: count }, (_, index) => [port + index, targetPort + index] as const);
}
