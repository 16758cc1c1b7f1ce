import type { InterfaceConfiguration } from "../../src/init/network/configuration.ts";

/** A vNIC with an IPv4 address and nothing else. */
export function interfaceConfiguration(
  changes: Partial<InterfaceConfiguration> = {},
): InterfaceConfiguration {
  return {
    name: "eth0",
    mac: "02:00:00:00:00:01",
    pciSlot: undefined,
    mtu: 0,
    isDisabled: false,
    addresses: ["192.0.2.2/24"],
    ipv4: undefined,
    ipv6: undefined,
    gateways: [],
    routes: [],
    metric: 0,
    resolver: { nameservers: [], search: [], options: [] },
    network: "",
    aliases: [],
    firewall: { trust: "published", pools: [], ports: [] },
    ...changes,
  };
}
