import { TetherError } from "../../protocol/errors/index.ts";
import { parseIpAddress, parseIpPrefix } from "../../protocol/ip-address.ts";
import { type InterfaceSettings, type PortSettings, type ResolverSettings } from "./interface-settings.ts";
import { isHostName, isMac, parseNetwork } from "./parse-network.ts";
import { parsePublication, type Publication } from "./parse-ports.ts";

/** Docker's options of a container's network, as they were written. */
export interface NetworkWords {
  readonly networks: readonly string[];
  readonly macAddress: string | undefined;
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly aliases: readonly string[];
  readonly publish: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly domainname: string | undefined;
}

/** What a container's settings have of it. */
export interface NetworkSettings {
  readonly interfaces: InterfaceSettings[];
  readonly resolver: ResolverSettings;
  readonly domainname: string;
}

/**
 * Docker's options as settings. Those that belong to one network belong to the first.
 *
 * @throws TetherError `invalid-option`.
 */
export function parseNetworkSettings(words: NetworkWords): NetworkSettings {
  const interfaces = words.networks.flatMap((text, index) => parseNetwork(text, index) ?? []);
  if (interfaces.length > 0 && words.networks.includes("none"))
    throw new TetherError("invalid-option", "Conflicting options: --network none and another network");
  const { domainname = "" } = words;
  if (domainname !== "" && !isHostName(domainname))
    throw new TetherError("invalid-option", `--domainname ${domainname} is no domain`);
  requireDifferent("name", interfaces);
  requireDifferent("mac", interfaces);
  return { interfaces: applyToFirst(interfaces, words), resolver: resolverOf(words), domainname };
}

/**
 * Docker's `-P`: what is exposed and not published by itself is, at any port of this machine that is free. A container
 * without a network has nothing to publish.
 *
 * @param exposed as images have it: `6379/tcp`.
 * @throws TetherError `invalid-option`.
 */
export function publishAll(settings: NetworkSettings, exposed: readonly string[]): NetworkSettings {
  const [first, ...others] = settings.interfaces;
  if (first === undefined) return settings;
  const isPublished = ({ targetPort, protocol }: Publication): boolean =>
    first.ports.some(
      (each) =>
        each.protocol === protocol &&
        targetPort >= each.targetPort &&
        targetPort < each.targetPort + each.count,
    );
  const ports = exposed
    .map((text) => [text, parsePublication(text)] as const)
    .filter(([, publication]) => !isPublished(publication))
    .flatMap(([text, publication]) => portsOf(first, text, publication));
  return { ...settings, interfaces: [{ ...first, ports: [...first.ports, ...ports] }, ...others] };
}

function applyToFirst(interfaces: InterfaceSettings[], words: NetworkWords): InterfaceSettings[] {
  const { macAddress, ip, ip6, aliases, publish } = words;
  const [first, ...others] = interfaces;
  if (first === undefined) {
    const given = { "--mac-address": macAddress, "--ip": ip, "--ip6": ip6, "--network-alias": aliases[0] };
    const [option] =
      Object.entries({ ...given, "--publish": publish[0] }).find((each) => each[1] !== undefined) ?? [];
    if (option !== undefined)
      throw new TetherError("invalid-option", `${option}: the container has no network (--network)`);
    return [];
  }
  const addresses = [ip, ip6].flatMap((text, index) =>
    text === undefined ? [] : [parseOwnAddress(first, text, index === 0 ? 4 : 6)],
  );
  if (macAddress !== undefined && !isMac(macAddress))
    throw new TetherError("invalid-option", `${macAddress} is not a valid mac address`);
  const wrong = aliases.find((alias) => !isHostName(alias));
  if (wrong !== undefined)
    throw new TetherError("invalid-option", `--network-alias ${wrong} is no host name`);
  return [
    {
      ...first,
      mac: macAddress?.toLowerCase() ?? first.mac,
      addresses: [...addresses, ...first.addresses],
      aliases: [...first.aliases, ...aliases],
      ports: [...first.ports, ...publish.flatMap((text) => portsOf(first, text, parsePublication(text)))],
    },
    ...others,
  ];
}

/** A network without a service knows no prefix: it has to be said. */
function parseOwnAddress({ backend }: InterfaceSettings, text: string, family: 4 | 6): string {
  if (backend.kind === "user")
    throw new TetherError("invalid-option", `${text}: the addresses of the network user are fixed`);
  if (parseIpPrefix(text)?.family === family) return text;
  const hint =
    parseIpAddress(text)?.family === family ? ": its prefix length is needed, as in 192.0.2.7/24" : "";
  throw new TetherError("invalid-option", `invalid IPv${family} address: ${text}${hint}`);
}

/** At a TAP device it is the vNIC's own address whose ports are published, in the user-mode network this machine's. */
function portsOf({ backend }: InterfaceSettings, text: string, publication: Publication): PortSettings[] {
  const { hostAddress, port, targetPort, protocol, count } = publication;
  const refuse = (reason: string): TetherError => new TetherError("invalid-option", `-p ${text}: ${reason}`);
  if (backend.kind === "tap") {
    if (hostAddress !== "") throw refuse("a TAP device publishes ports at the container's own address");
    return [{ ...publication, port: port ?? targetPort }];
  }
  if (protocol === "sctp") throw refuse("the network user has no sctp");
  if (port !== undefined) return [{ ...publication, port }];
  // Each of them has a port of its own, wherever one is free.
  return Array.from({ length: count }, (_, index) => ({
    ...{ ...publication, port: 0, targetPort: targetPort + index, count: 1 },
  }));
}

function resolverOf({ dns, dnsSearch, dnsOptions }: NetworkWords): ResolverSettings {
  const wrong = dns.find((address) => parseIpAddress(address) === undefined);
  if (wrong !== undefined) throw new TetherError("invalid-option", `${wrong} is not an ip address`);
  const domain = dnsSearch.find((each) => each !== "." && !isHostName(each.replace(/\.$/, "")));
  if (domain !== undefined) throw new TetherError("invalid-option", `${domain} is not a valid domain`);
  const option = dnsOptions.find((each) => !/^[\w:.-]{1,64}$/.test(each));
  if (option !== undefined) throw new TetherError("invalid-option", `${option} is no option of resolv.conf`);
  // Docker's way to have no search domain at all.
  return {
    nameservers: [...dns],
    search: dnsSearch.filter((each) => each !== "."),
    options: [...dnsOptions],
  };
}

function requireDifferent(key: "name" | "mac", interfaces: readonly InterfaceSettings[]): void {
  const values = interfaces.map((each) => each[key]);
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw new TetherError("invalid-option", `two networks have the ${key} ${twice}`);
}
