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
      ports: each.backend.kind === "user" ? targetsOf(each.ports) : each.ports.map(encodePort),
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

function encodePort({
  protocol,
  port,
  targetPort,
  count,
}: PortSettings): tether.config.PublishedPort.$Properties {
  return { protocol: PROTOCOLS[protocol], port, targetPort, count };
}

/** In the user-mode network the guest is asked for the target already: once, however many ports of this machine lead there. */
function targetsOf(ports: readonly PortSettings[]): tether.config.PublishedPort.$Properties[] {
  const merged: PortSettings[] = [];
  for (const port of ports.toSorted((a, b) => a.targetPort - b.targetPort)) {
    const index = merged.findIndex(
      (each) => each.protocol === port.protocol && port.targetPort <= each.targetPort + each.count,
    );
    const known = merged[index];
    if (known === undefined) merged.push(port);
    else {
      const end = Math.max(known.targetPort + known.count, port.targetPort + port.count);
      merged[index] = { ...known, count: end - known.targetPort };
    }
  }
  return merged.map((each) => encodePort({ ...each, port: each.targetPort }));
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
