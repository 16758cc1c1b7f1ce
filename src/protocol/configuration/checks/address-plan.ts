import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { contains, type Family, isHost, type Prefix, parsePrefix } from "./addresses.ts";
import type { Address } from "./addresses.ts";
import { isLinkLocal } from "./addresses.ts";
import { bounded, quote, Seen } from "./text.ts";

const { Method } = tether.config.Dynamic;

const MOST_ADDRESSES = 256;

/** What the document says of the networks that one vNIC is in. */
export interface KnownNetworks {
  readonly hasIpv6: boolean;
  /** Static addresses of the vNIC. */
  readonly addresses: readonly Prefix[];
  /** Whether a gateway can be reached without another one; true where only a DHCP server will know. */
  readonly isOnLink: (gateway: Address) => boolean;
}

/** The addresses of all vNICs: each is there once. */
export class AddressPlan {
  readonly #seen = new Seen<string>();

  /** @param name of the interface, for messages about another. */
  check(each: tether.config.NetworkInterface.$Properties, name: string, problems: Problems): KnownNetworks {
    const addresses: Prefix[] = [];
    const at = problems.at("addresses");
    for (const [index, text] of bounded(each.addresses, MOST_ADDRESSES, at).entries()) {
      const prefix = parsePrefix(text);
      if (prefix === undefined || prefix.length === 0 || !isHost(prefix)) {
        at.at(index).add(`${quote(text)} is no address of a host with a prefix length, like 192.0.2.7/24`);
        continue;
      }
      this.#seen.check(`${prefix.family} ${prefix.value}`, `${name}.addresses[${index}]`, at.at(index));
      addresses.push(prefix);
    }
    const networks = [...addresses, ...onLinkRoutes(each)];
    return {
      hasIpv6: usesIpv6(each, networks),
      addresses,
      isOnLink: (gateway) =>
        isLinkLocal(gateway) ||
        isDynamic(each, gateway.family) ||
        networks.some((network) => contains(network, gateway)),
    };
  }
}

function onLinkRoutes({ routes }: tether.config.NetworkInterface.$Properties): Prefix[] {
  return (routes ?? [])
    .filter(({ gateway }) => !gateway)
    .map(({ destination }) => parsePrefix(destination ?? ""))
    .filter((prefix) => prefix !== undefined);
}

function usesIpv6(each: tether.config.NetworkInterface.$Properties, networks: readonly Prefix[]): boolean {
  return networks.some(({ family }) => family === 6) || isDynamic(each, 6) || Boolean(each.gateway6);
}

function isDynamic({ ipv4, ipv6 }: tether.config.NetworkInterface.$Properties, family: Family): boolean {
  return ((family === 4 ? ipv4 : ipv6)?.method ?? Method.NONE) !== Method.NONE;
}
