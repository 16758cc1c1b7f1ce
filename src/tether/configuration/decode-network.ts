import { tether } from "../../protocol/generated/config.js";
import type {
  DynamicConfiguration,
  FirewallConfiguration,
  InterfaceConfiguration,
  NetworkConfiguration,
  PortConfiguration,
  ResolverConfiguration,
  Trust,
} from "../../init/network/configuration.ts";

/** How long the start waits for an address when the document does not say. */
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * What a document says of vNICs, in the agent's words. The document has been checked: what a message may leave out has
 * its default here.
 */
export function decodeNetwork(document: tether.config.Config): NetworkConfiguration {
  return {
    interfaces: document.interfaces.map((vnic) => decodeInterface(vnic, document.hostname)),
    resolver: decodeResolver(document.resolver),
  };
}

function decodeInterface(
  vnic: tether.config.NetworkInterface.$Properties,
  hostname: string,
): InterfaceConfiguration {
  return {
    name: vnic.name ?? "",
    mac: vnic.mac?.toLowerCase() || undefined,
    pciSlot: vnic.pciSlot?.toLowerCase() || undefined,
    mtu: vnic.mtu ?? 0,
    isDisabled: vnic.disabled ?? false,
    addresses: vnic.addresses ?? [],
    ipv4: decodeDynamic(vnic.ipv4, hostname),
    ipv6: decodeDynamic(vnic.ipv6, hostname),
    gateways: [vnic.gateway4 ?? "", vnic.gateway6 ?? ""].filter((gateway) => gateway !== ""),
    routes: (vnic.routes ?? []).map(({ destination, gateway, metric }) => ({
      destination: destination ?? "",
      gateway: gateway ?? "",
      metric: metric ?? 0,
    })),
    metric: vnic.metric ?? 0,
    resolver: decodeResolver(vnic.resolver),
    network: vnic.network ?? "",
    aliases: vnic.aliases ?? [],
    firewall: decodeFirewall(vnic.firewall),
  };
}

const { Method, Policy } = tether.config.Dynamic;

function decodeDynamic(
  dynamic: tether.config.Dynamic.$Properties | null | undefined,
  hostname: string,
): DynamicConfiguration | undefined {
  const method = dynamic?.method ?? Method.NONE;
  if (dynamic === null || dynamic === undefined || method === Method.NONE) return undefined;
  return {
    method: method === Method.SLAAC ? "slaac" : "dhcp",
    isRequired: (dynamic.policy ?? Policy.REQUIRED) === Policy.REQUIRED,
    timeoutMs: dynamic.timeoutMs || DEFAULT_TIMEOUT_MS,
    hostname: dynamic.hostname || hostname,
    ignoresDns: dynamic.ignoreDns ?? false,
    ignoresRoutes: dynamic.ignoreRoutes ?? false,
  };
}

function decodeResolver(
  resolver: tether.config.Resolver.$Properties | null | undefined,
): ResolverConfiguration {
  return {
    nameservers: resolver?.nameservers ?? [],
    search: resolver?.search ?? [],
    options: resolver?.options ?? [],
  };
}

const { Trust: Level } = tether.config.Firewall;

const TRUST: Readonly<Record<tether.config.Firewall.Trust, Trust>> = {
  [Level.PUBLISHED]: "published",
  [Level.OPEN]: "open",
  [Level.CLOSED]: "closed",
  [Level.OUTBOUND]: "outbound",
  [Level.PEERS]: "peers",
  [Level.BRIDGE]: "bridge",
};

function decodeFirewall(
  firewall: tether.config.Firewall.$Properties | null | undefined,
): FirewallConfiguration {
  return {
    // A level of a later version lets in the least.
    trust: TRUST[firewall?.trust ?? Level.PUBLISHED] ?? "closed",
    pools: firewall?.pools ?? [],
    ports: (firewall?.ports ?? []).map(decodePort),
  };
}

const { Protocol } = tether.config.PublishedPort;

function decodePort(published: tether.config.PublishedPort.$Properties): PortConfiguration {
  const names = { [Protocol.TCP]: "tcp", [Protocol.UDP]: "udp", [Protocol.SCTP]: "sctp" } as const;
  const port = published.port ?? 0;
  return {
    protocol: names[published.protocol ?? Protocol.TCP],
    port,
    targetPort: published.targetPort || port,
    count: published.count || 1,
  };
}
