import type { MachineInterface } from "../../hypervisor/index.ts";
import { tether } from "../../protocol/generated/config.js";
import type { DynamicSettings, InterfaceSettings, PortSettings } from "./interface-settings.ts";

/** The vNICs of a machine. */
export function machineInterfaces(interfaces: readonly InterfaceSettings[]): MachineInterface[] {
  return interfaces.map(({ name, mac, model, backend, ports }) => ({
    id: machineInterfaceId(name),
    mac,
    model,
    backend: backend.kind === "tap" ? backend : { ...backend, forwards: ports.flatMap(forwardsOf) },
  }));
}

/** A vNIC's name may have letters that a hypervisor's ids do not. */
export function machineInterfaceId(name: string): string {
  return `nic-${Buffer.from(name).toString("hex")}`;
}

/** The vNICs of a document. */
export function encodeInterfaces(
  interfaces: readonly InterfaceSettings[],
): tether.config.NetworkInterface.$Properties[] {
  return interfaces.map((each) => ({
    name: each.name,
    mac: each.mac,
    mtu: each.mtu,
    addresses: each.addresses,
    ipv4: encodeDynamic(each.ipv4),
    ipv6: encodeDynamic(each.ipv6),
    gateway4: each.gateway4,
    gateway6: each.gateway6,
    routes: each.routes,
    metric: each.metric,
    resolver: { nameservers: each.nameservers },
    network: each.backend.kind === "tap" ? each.backend.name : "user",
    aliases: each.aliases,
    firewall: {
      trust: TRUST[each.trust],
      pools: each.pools,
      ports: each.ports.map((port) => encodePort(each, port)),
    },
  }));
}

const { Method, Policy } = tether.config.Dynamic;
const { Trust } = tether.config.Firewall;
const { Protocol } = tether.config.PublishedPort;

const TRUST: Readonly<Record<InterfaceSettings["trust"], tether.config.Firewall.Trust>> = {
  published: Trust.PUBLISHED,
  open: Trust.OPEN,
  closed: Trust.CLOSED,
  outbound: Trust.OUTBOUND,
  peers: Trust.PEERS,
  bridge: Trust.BRIDGE,
};

const PROTOCOLS = { tcp: Protocol.TCP, udp: Protocol.UDP, sctp: Protocol.SCTP } as const;

function encodeDynamic(dynamic: DynamicSettings | undefined): tether.config.Dynamic.$Properties | null {
  if (dynamic === undefined) return null;
  return {
    method: dynamic.method === "dhcp" ? Method.DHCP : Method.SLAAC,
    policy: dynamic.isOptional ? Policy.OPTIONAL : Policy.REQUIRED,
    timeoutMs: dynamic.timeoutMs,
  };
}

/** In the user-mode network the guest is asked for the target already. */
function encodePort(
  { backend }: InterfaceSettings,
  { protocol, port, targetPort, count }: PortSettings,
): tether.config.PublishedPort.$Properties {
  return {
    protocol: PROTOCOLS[protocol],
    port: backend.kind === "user" ? targetPort : port,
    targetPort,
    count,
  };
}

function forwardsOf({ protocol, hostAddress, port, targetPort, count }: PortSettings) {
  if (protocol === "sctp") return [];
  return Array.from({ length: count }, (_, index) => ({
    protocol,
    hostAddress,
    hostPort: port + index,
    guestPort: targetPort + index,
  }));
}
