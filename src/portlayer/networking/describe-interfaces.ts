import type { InterfaceSettings, PortSettings } from "./interface-settings.ts";

/** The networks of a container, by the names that `--network` has for them; several vNICs in one are told apart. */
export function networkNames(interfaces: readonly InterfaceSettings[]): string[] {
  const names = interfaces.map(({ backend }) => (backend.kind === "tap" ? `tap:${backend.name}` : "user"));
  return names.map((name, index) =>
    names.indexOf(name) === index ? name : `${name}@${interfaces[index]?.name}`,
  );
}

/** What `docker ps` has under PORTS: `0.0.0.0:8080->80/tcp`, ranges as `8080-8081->80-81`. */
export function describePorts(interfaces: readonly InterfaceSettings[]): string {
  return interfaces
    .flatMap((vnic) =>
      vnic.ports.map((port) => {
        const range = (first: number): string =>
          port.count === 1 ? String(first) : `${first}-${first + port.count - 1}`;
        return `${addressOf(vnic, port)}:${range(port.port)}->${range(port.targetPort)}/${port.protocol}`;
      }),
    )
    .join(", ");
}

/** Docker's NetworkSettings. */
export interface NetworkDescription {
  /** By the container's port, as `80/tcp`. */
  readonly Ports: Readonly<Record<string, unknown[]>>;
  readonly Networks: Readonly<Record<string, unknown>>;
  readonly IPAddress: string;
  readonly MacAddress: string;
}

/** Docker's NetworkSettings (API `/containers/{id}/json`), as far as the host knows: not what a DHCP server gives. */
export function describeNetworks(interfaces: readonly InterfaceSettings[]): NetworkDescription {
  const names = networkNames(interfaces);
  const endpoints = interfaces.map(describeEndpoint);
  const networks = endpoints.map((endpoint, index) => [names[index] ?? "", endpoint] as const);
  return {
    Ports: portBindings(interfaces),
    Networks: networks.length === 0 ? { none: NO_ENDPOINT } : Object.fromEntries(networks),
    IPAddress: endpoints[0]?.IPAddress ?? "",
    MacAddress: endpoints[0]?.MacAddress ?? "",
  };
}

/** Docker has a network `none`, in which a container has an endpoint without anything. */
const NO_ENDPOINT = {
  ...{ IPAMConfig: null, Links: null, Aliases: null, MacAddress: "" },
  ...{ Gateway: "", IPAddress: "", IPPrefixLen: 0 },
  ...{ IPv6Gateway: "", GlobalIPv6Address: "", GlobalIPv6PrefixLen: 0 },
};

function describeEndpoint({ mac, addresses, gateway4, gateway6, aliases }: InterfaceSettings) {
  const [ipv4 = "", prefix4 = "0"] = addresses.find((address) => !address.includes(":"))?.split("/") ?? [];
  const [ipv6 = "", prefix6 = "0"] = addresses.find((address) => address.includes(":"))?.split("/") ?? [];
  return {
    ...{ IPAMConfig: null, Links: null, Aliases: aliases.length === 0 ? null : aliases, MacAddress: mac },
    ...{ Gateway: gateway4, IPAddress: ipv4, IPPrefixLen: Number(prefix4) },
    ...{ IPv6Gateway: gateway6, GlobalIPv6Address: ipv6, GlobalIPv6PrefixLen: Number(prefix6) },
  };
}

/** Of each port of the container: where it is reached. */
function portBindings(interfaces: readonly InterfaceSettings[]): Record<string, unknown[]> {
  const bindings: Record<string, unknown[]> = {};
  for (const vnic of interfaces)
    for (const port of vnic.ports)
      for (let offset = 0; offset < port.count; offset += 1) {
        const own = `${port.targetPort + offset}/${port.protocol}`;
        const binding = { HostIp: addressOf(vnic, port), HostPort: String(port.port + offset) };
        (bindings[own] ??= []).push(binding);
      }
  return bindings;
}

/** Where a port is asked for: at this machine's address, or at the vNIC's own in a network of others. */
function addressOf({ backend, addresses }: InterfaceSettings, { hostAddress }: PortSettings): string {
  if (backend.kind === "user") return hostAddress === "" ? "0.0.0.0" : hostAddress;
  return addresses[0]?.split("/")[0] ?? "";
}
