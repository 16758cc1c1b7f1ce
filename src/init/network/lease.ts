import { parseIpAddress, parseIpPrefix } from "../../protocol/ip-address.ts";
import { isDomainName } from "./domain-name.ts";
import type { DynamicConfiguration, RouteConfiguration } from "./configuration.ts";

/** What a server has given to a vNIC. */
export interface Lease {
  readonly family: 4 | 6;
  /** With their prefix lengths. */
  readonly addresses: readonly string[];
  readonly routes: readonly RouteConfiguration[];
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** dhcpcd's events behind which there is a lease (dhcpcd-run-hooks(8)). */
const WITH_LEASE = /^(BOUND|RENEW|REBIND|REBOOT)6?$/;

/** What is taken over of each list. */
const MOST_ROUTES = 64;
const MOST_NAMESERVERS = 8;
const MOST_DOMAINS = 16;

/**
 * Reads what dhcpcd has told of a vNIC and protocol. The server is not trusted: what is not well-formed is left out.
 *
 * @param told `KEY=VALUE` after `KEY=VALUE`, a NUL behind each.
 * @returns undefined when there is no lease, or none any more.
 */
export function parseLease(
  told: string,
  family: 4 | 6,
  { ignoresDns, ignoresRoutes }: DynamicConfiguration,
): Lease | undefined {
  const variables = new Map(
    told.split("\0").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const words = (name: string): string[] => (variables.get(name) ?? "").split(/\s+/).filter(Boolean);
  if (!WITH_LEASE.test(variables.get("reason") ?? "")) return undefined;
  const addresses = family === 4 ? addresses4(words) : addresses6(variables);
  if (addresses.length === 0) return undefined;
  const servers = words(family === 4 ? "new_domain_name_servers" : "new_dhcp6_name_servers");
  const domains = family === 4 ? words("new_domain_search") : words("new_dhcp6_domain_search");
  const own = family === 4 && domains.length === 0 ? words("new_domain_name") : domains;
  return {
    family,
    addresses,
    routes: family === 6 || ignoresRoutes ? [] : routesOf(words),
    nameservers: ignoresDns ? [] : servers.filter(isAddress).slice(0, MOST_NAMESERVERS),
    search: ignoresDns ? [] : own.filter(isDomainName).slice(0, MOST_DOMAINS),
  };
}

type Words = (name: string) => string[];

function addresses4(words: Words): string[] {
  const [address = ""] = words("new_ip_address");
  const [length = ""] = words("new_subnet_cidr");
  const text = `${address}/${length}`;
  return parseIpPrefix(text)?.family === 4 ? [text] : [];
}

/** A server gives addresses, routers tell what else is on the link. */
function addresses6(variables: ReadonlyMap<string, string>): string[] {
  return [...variables]
    .filter(([name]) => /^new_dhcp6_ia_na\d+_ia_addr\d+$/.test(name))
    .map(([, address]) => `${address}/128`)
    .filter((address) => parseIpPrefix(address)?.family === 6);
}

/** RFC 3442: with classless routes the routers do not count. */
function routesOf(words: Words): RouteConfiguration[] {
  const classless = words("new_classless_static_routes");
  const pairs = classless.length === 0 ? words("new_routers").slice(0, 1).flatMap(byDefault) : classless;
  return Array.from({ length: Math.min(Math.floor(pairs.length / 2), MOST_ROUTES) }, (_, index) => ({
    destination: pairs[2 * index] ?? "",
    // No router at all: the destination is on the link.
    gateway: pairs[2 * index + 1] === "0.0.0.0" ? "" : (pairs[2 * index + 1] ?? ""),
    metric: 0,
  })).filter(
    ({ destination, gateway }) =>
      parseIpPrefix(destination)?.family === 4 && (gateway === "" || parseIpAddress(gateway)?.family === 4),
  );
}

const byDefault = (router: string): string[] => ["0.0.0.0/0", router];

function isAddress(text: string): boolean {
  return parseIpAddress(text) !== undefined;
}
