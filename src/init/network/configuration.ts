/*
 * What proto/config.proto says of vNICs, checked by the document's checks (src/protocol/configuration): addresses are
 * text that can be parsed.
 */

/** How an address comes by itself. */
export interface DynamicConfiguration {
  readonly method: "dhcp" | "slaac";
  /** Without an address in time the start fails. */
  readonly isRequired: boolean;
  /** How long the start waits. */
  readonly timeoutMs: number;
  /** Sent to the server; never empty. */
  readonly hostname: string;
  readonly ignoresDns: boolean;
  readonly ignoresRoutes: boolean;
}

/** resolv.conf(5). */
export interface ResolverConfiguration {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** A route as the document has it; an empty gateway: on the link. */
export interface RouteConfiguration {
  readonly destination: string;
  readonly gateway: string;
  /** 0: the kernel's default. */
  readonly metric: number;
}

/** VIC's trust levels. */
export type Trust = "published" | "open" | "closed" | "outbound" | "peers" | "bridge";

/** Ports that are asked for at the vNIC's address, and where the process listens. */
export interface PortConfiguration {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  readonly targetPort: number;
  readonly count: number;
}

export interface FirewallConfiguration {
  readonly trust: Trust;
  readonly pools: readonly string[];
  readonly ports: readonly PortConfiguration[];
}

/** One vNIC. */
export interface InterfaceConfiguration {
  readonly name: string;
  /** Lower case; exactly one of this and the slot is given. */
  readonly mac: string | undefined;
  readonly pciSlot: string | undefined;
  /** 0: as the device has it. */
  readonly mtu: number;
  readonly isDisabled: boolean;
  readonly addresses: readonly string[];
  readonly ipv4: DynamicConfiguration | undefined;
  readonly ipv6: DynamicConfiguration | undefined;
  readonly gateways: readonly string[];
  readonly routes: readonly RouteConfiguration[];
  readonly metric: number;
  readonly resolver: ResolverConfiguration;
  /** Its name, for messages. */
  readonly network: string;
  readonly aliases: readonly string[];
  readonly firewall: FirewallConfiguration;
}

/** The vNICs of a container VM, and what resolves names beside what they bring. */
export interface NetworkConfiguration {
  readonly interfaces: readonly InterfaceConfiguration[];
  readonly resolver: ResolverConfiguration;
}

/** Whether a vNIC has anything to do with IPv6: without, the kernel has it off there, as in Docker's containers. */
export function usesIpv6({ addresses, ipv6, gateways, routes }: InterfaceConfiguration): boolean {
  const texts = [...addresses, ...gateways, ...routes.map(({ destination }) => destination)];
  return ipv6 !== undefined || texts.some((text) => text.includes(":"));
}
