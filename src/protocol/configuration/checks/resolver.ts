import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { isLinkLocal, parseAddress } from "./addresses.ts";
import { checkHostName } from "./names.ts";
import { bounded, quote } from "./text.ts";

/** glibc asks three; others more. */
const MOST_NAMESERVERS = 32;
const MOST_DOMAINS = 256;
const MOST_OPTIONS = 64;

/** resolv.conf(5), "options". */
const OPTIONS = new RegExp(
  `^(?:${[
    ...["ndots:\\d{1,2}", "timeout:\\d{1,2}", "attempts:\\d{1,2}", "debug", "rotate", "no-aaaa", "inet6"],
    ...["no-check-names", "ip6-bytestring", "(?:no-)?ip6-dotint", "edns0", "single-request"],
    ...["single-request-reopen", "no-tld-query", "use-vc", "no-reload", "trust-ad"],
  ].join("|")})$`,
);

/** The message Resolver. */
export function checkResolver(
  resolver: tether.config.Resolver.$Properties | null | undefined,
  problems: Problems,
): void {
  const servers = problems.at("nameservers");
  for (const [index, server] of bounded(resolver?.nameservers, MOST_NAMESERVERS, servers).entries())
    if (!isNameserver(server)) servers.at(index).add(`${quote(server)} is no address of a name server`);
  const domains = problems.at("search");
  // Docker's word for "none", which resolv.conf(5) understands.
  for (const [index, domain] of bounded(resolver?.search, MOST_DOMAINS, domains).entries())
    if (domain !== ".") checkHostName(domain.replace(/\.$/, ""), domains.at(index));
  const options = problems.at("options");
  for (const [index, option] of bounded(resolver?.options, MOST_OPTIONS, options).entries())
    if (!OPTIONS.test(option)) options.at(index).add(`${quote(option)} is no option of resolv.conf(5)`);
}

/** A link-local server needs the interface behind it: `fe80::1%eth0`. */
function isNameserver(text: string): boolean {
  const [, address = "", zone] = /^([^%]*)(?:%([\w.-]{1,15}))?$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  return parsed !== undefined && (zone === undefined || isLinkLocal(parsed));
}
