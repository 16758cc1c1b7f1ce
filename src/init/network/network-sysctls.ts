import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import { type InterfaceConfiguration, usesIpv6 } from "./configuration.ts";
import type { NamedRequest } from "./kernel-requests.ts";
import { configureIpv4, type Ipv4Parameters } from "./route-messages.ts";

/**
 * Sets the parameters of a vNIC (Documentation/networking/ip-sysctl.rst) before its link is up.
 *
 * @param device the device's present name.
 * @throws TetherError `network-failed`.
 */
export function writeNetworkSysctls(vnic: InterfaceConfiguration, device: string, root: string): void {
  for (const [path, value] of parametersOf(vnic)) {
    const file = join(root, path.replace("*", device));
    try {
      writeFileSync(file, value, { flag: "r+" });
    } catch (error) {
      throw TetherError.from(error, "network-failed", `${vnic.name}: writing ${value} to ${file}`);
    }
  }
}

/** The files of a vNIC's parameters, with `*` for the device, and what they are to hold. */
export function parametersOf(vnic: InterfaceConfiguration): ReadonlyArray<readonly [string, string]> {
  if (!usesIpv6(vnic)) return [["ipv6/conf/*/disable_ipv6", "1"]];
  const { ipv6 } = vnic;
  const takesAdvertisements = ipv6 !== undefined;
  return [
    ["ipv6/conf/*/disable_ipv6", "0"],
    // Its link-local address is given by us: none by itself.
    ["ipv6/conf/*/addr_gen_mode", "1"],
    ["ipv6/conf/*/ndisc_notify", "1"],
    // A container is a server: its address is the one that others know.
    ["ipv6/conf/*/use_tempaddr", "0"],
    // Addresses are made of the MAC address, which the network has given: nobody else has one. Probing for duplicates
    // would keep each unusable for a second or two.
    ["ipv6/conf/*/dad_transmits", "0"],
    // Also as a router (net.ipv6.conf.all.forwarding), which a container with a bridge of its own is.
    ["ipv6/conf/*/accept_ra", takesAdvertisements ? "2" : "0"],
    ["ipv6/conf/*/autoconf", ipv6?.method === "slaac" ? "1" : "0"],
    ["ipv6/conf/*/accept_ra_defrtr", takesAdvertisements && !ipv6.ignoresRoutes ? "1" : "0"],
    ["ipv6/conf/*/accept_ra_rtr_pref", "1"],
    // Solicitations begin at once.
    ["ipv6/conf/*/router_solicitation_delay", "0"],
    ...(vnic.metric === 0 ? [] : [["ipv6/conf/*/ra_defrtr_metric", String(vnic.metric)] as const]),
  ];
}

/**
 * What sets the IPv4 parameters of a vNIC (Documentation/networking/ip-sysctl.rst), before its link is up.
 *
 * @param isOneOfSeveral there are other vNICs.
 */
export function setIpv4Parameters(
  { name }: InterfaceConfiguration,
  index: number,
  isOneOfSeveral: boolean,
): NamedRequest {
  const parameters = isOneOfSeveral ? { ...ANNOUNCING, ...SEVERAL } : ANNOUNCING;
  return { name, what: "IPv4 parameters", message: configureIpv4(index, parameters), tolerates: [] };
}

const ANNOUNCING: Ipv4Parameters = { arp_notify: 1 };

/** With several vNICs on one segment each answers for its own addresses only: what comes in by it is judged by its rules. */
const SEVERAL: Ipv4Parameters = { arp_ignore: 1, arp_announce: 2 };
