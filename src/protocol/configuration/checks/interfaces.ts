import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { AddressPlan } from "./address-plan.ts";
import { checkFirewall } from "./firewall.ts";
import { checkHostName } from "./names.ts";
import { checkResolver } from "./resolver.ts";
import { checkRoutes } from "./routes.ts";
import { bounded, checkEnum, checkText, quote, Seen } from "./text.ts";

const { Method, Policy } = tether.config.Dynamic;

const MOST_INTERFACES = 32;
const MOST_ALIASES = 256;

/** The kernel's for IPv4 (RFC 791), RFC 8200 section 5 for IPv6, and what 16 bits hold. */
const LEAST_MTU = 68;
const LEAST_IPV6_MTU = 1280;
const MOST_MTU = 65_535;

/** An hour is more than any start should wait. */
const LONGEST_TIMEOUT_MS = 3_600_000;

/** IFNAMSIZ without its NUL; the kernel's dev_valid_name(), and `%`, which it takes for a pattern. */
const NAME = /^[!-~]{1,15}$/;
const FORBIDDEN = /[/:%]/;

/** The loopback's, what is no folder's name, and what sysctl calls all interfaces. */
const TAKEN_NAMES = new Set(["lo", ".", "..", "all", "default"]);

const MAC = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;
const PCI_SLOT = /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

/** The messages NetworkInterface. */
export function checkInterfaces(
  interfaces: readonly tether.config.NetworkInterface.$Properties[],
  problems: Problems,
): void {
  const names = new Seen<string>();
  const devices = new Seen<string>();
  const plan = new AddressPlan();
  for (const [index, each] of bounded(interfaces, MOST_INTERFACES, problems).entries()) {
    const at = problems.at(index);
    checkName(each.name ?? "", at.at("name"));
    names.check(each.name ?? "", `interfaces[${index}].name`, at.at("name"));
    checkDevice(each, index, devices, at);
    checkInterface(each, at);
    const known = plan.check(each, `interfaces[${index}]`, at);
    checkRoutes(each, known, at);
    checkMtu(each.mtu ?? 0, known.hasIpv6, at.at("mtu"));
  }
}

function checkName(name: string, problems: Problems): void {
  if (!NAME.test(name) || FORBIDDEN.test(name) || TAKEN_NAMES.has(name))
    problems.add(`${quote(name)} is no name of an interface (1 to 15 bytes, no space, /, : or %)`);
}

function checkDevice(
  { mac = "", pciSlot = "" }: tether.config.NetworkInterface.$Properties,
  index: number,
  devices: Seen<string>,
  problems: Problems,
): void {
  const hardware = (mac ?? "").toLowerCase();
  const slot = (pciSlot ?? "").toLowerCase();
  if (hardware === "" && slot === "") problems.at("mac").add("is missing, and so is pci_slot");
  if (hardware !== "" && slot !== "")
    problems.at("pci_slot").add("is given, and so is mac: one names the device");
  if (hardware !== "") {
    if (!isStationAddress(hardware))
      problems.at("mac").add(`${quote(hardware)} is no MAC address of a device`);
    devices.check(hardware, `interfaces[${index}].mac`, problems.at("mac"));
  }
  if (slot !== "") {
    if (!PCI_SLOT.test(slot)) problems.at("pci_slot").add(`${quote(slot)} is no slot like 0000:02:03.0`);
    devices.check(slot, `interfaces[${index}].pci_slot`, problems.at("pci_slot"));
  }
}

/** The lowest bit of the first byte is a group's (IEEE 802). */
function isStationAddress(mac: string): boolean {
  return MAC.test(mac) && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== "00:00:00:00:00:00";
}

function checkInterface(each: tether.config.NetworkInterface.$Properties, problems: Problems): void {
  checkDynamic(each.ipv4, problems.at("ipv4"));
  if (each.ipv4?.method === Method.SLAAC)
    problems.at("ipv4").at("method").add("is SLAAC, which only IPv6 has");
  checkDynamic(each.ipv6, problems.at("ipv6"));
  checkResolver(each.resolver, problems.at("resolver"));
  checkText(each.network ?? "", problems.at("network"));
  const aliases = problems.at("aliases");
  for (const [index, alias] of bounded(each.aliases, MOST_ALIASES, aliases).entries())
    checkHostName(alias, aliases.at(index));
  checkFirewall(each.firewall, problems.at("firewall"));
}

function checkDynamic(
  dynamic: tether.config.Dynamic.$Properties | null | undefined,
  problems: Problems,
): void {
  checkEnum(dynamic?.method, Method, problems.at("method"));
  checkEnum(dynamic?.policy, Policy, problems.at("policy"));
  if ((dynamic?.timeoutMs ?? 0) > LONGEST_TIMEOUT_MS)
    problems.at("timeout_ms").add(`is longer than ${LONGEST_TIMEOUT_MS}`);
  if (dynamic?.hostname) checkHostName(dynamic.hostname, problems.at("hostname"));
}

function checkMtu(mtu: number, hasIpv6: boolean, problems: Problems): void {
  if (mtu === 0) return;
  const least = hasIpv6 ? LEAST_IPV6_MTU : LEAST_MTU;
  if (mtu < least) problems.add(`is ${mtu}; the least is ${least}${hasIpv6 ? " with IPv6" : ""}`);
  if (mtu > MOST_MTU) problems.add(`is ${mtu}; the most is ${MOST_MTU}`);
}
