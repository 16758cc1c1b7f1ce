import { randomBytes } from "node:crypto";
import { INTERFACE_MODELS } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseIpAddress, parseIpPrefix } from "../../protocol/ip-address.ts";
import { parsePublication } from "./parse-ports.ts";
import {
  type DynamicSettings,
  type InterfaceSettings,
  type RouteSettings,
  TRUST_LEVELS,
} from "./interface-settings.ts";

/**
 * What `--network` says of one vNIC: `tap:NAME[,OPTION=VALUE…]` is a TAP device that is there, `user[,OPTION=VALUE…]`
 * the hypervisor's own network. Undefined for `none`.
 *
 * @param index of the vNIC, which makes its name.
 * @throws TetherError `invalid-option` that names what is wrong.
 */
export function parseNetwork(text: string, index: number): InterfaceSettings | undefined {
  const [kind = "", ...words] = text.split(",");
  if (text === "none") return undefined;
  const settings = kind === "user" ? userInterface(index) : tapInterface(kind, index);
  if (settings === undefined)
    throw new TetherError(
      "invalid-option",
      `--network ${text}: there are the networks none, user and tap:NAME; others come with a network service`,
    );
  let result = settings;
  for (const word of words) result = applyOption(text, result, word);
  return result;
}

const bare = (index: number): Omit<InterfaceSettings, "backend"> => ({
  name: `eth${index}`,
  mac: randomMac(),
  model: "virtio-net",
  mtu: 0,
  addresses: [],
  gateway4: "",
  gateway6: "",
  routes: [],
  metric: 0,
  nameservers: [],
  aliases: [],
  trust: "published",
  pools: [],
  ports: [],
});

/**
 * QEMU's user-mode network (its documentation, "Network emulation"): 10.0.2.0/24 with the guest at 15; a second one is
 * 10.0.3.0/24.
 */
function userInterface(index: number): InterfaceSettings {
  const network = `10.0.${2 + index}`;
  return {
    ...bare(index),
    backend: { kind: "user", network: `${network}.0/24` },
    addresses: [`${network}.15/24`],
    gateway4: index === 0 ? `${network}.2` : "",
    nameservers: [`${network}.3`],
  };
}

/** IFNAMSIZ, with its NUL. */
const MOST_NAME_BYTES = 15;

function tapInterface(kind: string, index: number): InterfaceSettings | undefined {
  const name = /^tap:([\w.-]+)$/.exec(kind)?.[1];
  if (name === undefined || name.length > MOST_NAME_BYTES) return undefined;
  return { ...bare(index), backend: { kind: "tap", name } };
}

/** Locally administered, for one station (IEEE 802): 40 random bits. */
function randomMac(): string {
  return ["02", ...Array.from(randomBytes(5), (byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

type Reader = (value: string, settings: InterfaceSettings) => Partial<InterfaceSettings> | undefined;

/** Each option: undefined for a value that does not fit. Those of addresses are fixed with the user-mode network. */
const OPTIONS: Readonly<Record<string, Reader>> = {
  name: (name) => (/^[^\s/:]{1,15}$/.test(name) && !/^\.{1,2}$/.test(name) ? { name } : undefined),
  mac: (mac) => (isMac(mac) ? { mac: mac.toLowerCase() } : undefined),
  model: (value) => {
    const model = INTERFACE_MODELS.find((each) => each === value);
    return model === undefined ? undefined : { model };
  },
  mtu: (value) => whole(value, 68, 65_535, (mtu) => ({ mtu })),
  metric: (value) => whole(value, 0, 0xffff_ffff, (metric) => ({ metric })),
  alias: (alias, { aliases }) => (isHostName(alias) ? { aliases: [...aliases, alias] } : undefined),
  trust: (value) => {
    const trust = TRUST_LEVELS.find((each) => each === value);
    return trust === undefined ? undefined : { trust };
  },
  pool: (pool, { pools }) => (parseIpPrefix(pool) === undefined ? undefined : { pools: [...pools, pool] }),
};

const TAP_OPTIONS: Readonly<Record<string, Reader>> = {
  ip: (address, { addresses }) =>
    parseIpPrefix(address) === undefined ? undefined : { addresses: [...addresses, address] },
  gateway: (gateway) => {
    const family = parseIpAddress(gateway)?.family;
    if (family === undefined) return undefined;
    return family === 4 ? { gateway4: gateway } : { gateway6: gateway };
  },
  route: (value, { routes }) => {
    const route = parseRoute(value);
    return route === undefined ? undefined : { routes: [...routes, route] };
  },
  publish: (value, { ports }) => {
    const { hostAddress, port, ...rest } = parsePublication(value);
    if (hostAddress !== "") return undefined;
    return { ports: [...ports, { ...rest, hostAddress, port: port ?? rest.targetPort }] };
  },
  dns: (address, { nameservers }) =>
    parseIpAddress(address) === undefined ? undefined : { nameservers: [...nameservers, address] },
  ipv4: (value) => {
    const ipv4 = parseDynamic(value);
    return ipv4?.method === "dhcp" ? { ipv4 } : undefined;
  },
  ipv6: (value) => {
    const ipv6 = parseDynamic(value);
    return ipv6 === undefined ? undefined : { ipv6 };
  },
};

function applyOption(text: string, settings: InterfaceSettings, word: string): InterfaceSettings {
  const at = word.indexOf("=");
  const [key, value] = at < 0 ? [word, ""] : [word.slice(0, at), word.slice(at + 1)];
  const options = settings.backend.kind === "tap" ? { ...OPTIONS, ...TAP_OPTIONS } : OPTIONS;
  const reader = Object.hasOwn(options, key) ? options[key] : undefined;
  if (reader === undefined)
    throw invalid(text, `there is no option ${key}; there are ${Object.keys(options).sort().join(", ")}`);
  const change = reader(value, settings);
  if (change === undefined) throw invalid(text, `${key} cannot be ${JSON.stringify(value)}`);
  return { ...settings, ...change };
}

/** `dhcp`, `slaac`; `dhcp:optional`, and how many seconds the start waits: `dhcp:10`, `slaac:optional:10`. */
function parseDynamic(value: string): DynamicSettings | undefined {
  const [, method, optional, seconds] = /^(dhcp|slaac)(:optional)?(?::(\d{1,4}))?$/.exec(value) ?? [];
  if (method !== "dhcp" && method !== "slaac") return undefined;
  return { method, isOptional: optional !== undefined, timeoutMs: Number(seconds ?? 0) * 1000 };
}

/** `192.0.2.0/24@198.51.100.1`, without a gateway when the destination is on the link, and `@METRIC` behind it. */
function parseRoute(value: string): RouteSettings | undefined {
  const [destination = "", gateway = "", metric = "0", ...rest] = value.split("@");
  const prefix = parseIpPrefix(destination);
  const by = gateway === "" ? prefix : parseIpAddress(gateway);
  if (prefix === undefined || by?.family !== prefix.family || rest.length > 0) return undefined;
  return whole(metric, 0, 0xffff_ffff, (number) => ({ destination, gateway, metric: number }));
}

/** A unicast address, which the kernel would refuse otherwise. */
export function isMac(text: string): boolean {
  return /^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(text) && !/^00(:00){5}$/.test(text);
}

/** RFC 1123, with the underscore that Docker's users have in their names. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && /^[\w]([\w-]{0,61}\w)?(\.[\w]([\w-]{0,61}\w)?)*$/.test(text);
}

function whole<T>(text: string, least: number, most: number, make: (number: number) => T): T | undefined {
  const number = Number(text);
  return /^\d{1,10}$/.test(text) && number >= least && number <= most ? make(number) : undefined;
}

function invalid(text: string, reason: string): TetherError {
  return new TetherError("invalid-option", `--network ${text}: ${reason}`);
}
