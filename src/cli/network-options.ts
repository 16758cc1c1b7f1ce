import type { Command } from "commander";
import { type NetworkSettings, parseNetworkSettings } from "../portlayer/execution/index.ts";

/** What commander makes of Docker's options of a container's network. */
export interface NetworkOptions {
  readonly network: readonly string[];
  readonly macAddress?: string;
  readonly ip?: string;
  readonly ip6?: string;
  readonly networkAlias: readonly string[];
  readonly publish: readonly string[];
  readonly publishAll?: true;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOption: readonly string[];
  readonly domainname?: string;
}

type Collect = (value: string, previous: readonly string[]) => string[];

/** Adds the options that say what networks a container is on. */
export function addNetworkOptions(command: Command, collect: Collect): Command {
  return command
    .option(
      "--network <network>",
      "none (the default: no network), user, or tap:NAME[,OPTION=VALUE...] (docs/guides/networks.md)",
      collect,
      [],
    )
    .option("--network-alias <name>", "another name of the container in its first network", collect, [])
    .option("--mac-address <address>", "MAC address of the first vNIC")
    .option("--ip <address>", "IPv4 address of the first vNIC, with its prefix length")
    .option("--ip6 <address>", "IPv6 address of the first vNIC, with its prefix length")
    .option("-p, --publish <port>", "let a port in: [[ADDRESS:]PORT:]TARGET[/PROTOCOL]", collect, [])
    .option("-P, --publish-all", "let what the image exposes in, at any ports that are free")
    .option("--dns <address>", "name server", collect, [])
    .option("--dns-search <domain>", "search domain", collect, [])
    .option("--dns-option <option>", "option of resolv.conf", collect, [])
    .option("--domainname <name>", "domain of the container VM");
}

/** @throws TetherError `invalid-option`. */
export function makeNetworkSettings(options: NetworkOptions): NetworkSettings {
  return parseNetworkSettings({
    networks: options.network,
    macAddress: options.macAddress,
    ip: options.ip,
    ip6: options.ip6,
    aliases: options.networkAlias,
    publish: options.publish,
    dns: options.dns,
    dnsSearch: options.dnsSearch,
    dnsOptions: options.dnsOption,
    domainname: options.domainname,
  });
}
