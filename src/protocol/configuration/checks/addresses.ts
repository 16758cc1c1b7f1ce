import { isIP } from "node:net";
import type { Problems } from "../problems.ts";
import { quote } from "./text.ts";

export type Family = 4 | 6;

/** An address as a number, so that two ways to write it are one. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** `192.0.2.7/24`: an address with the length of its network's prefix. */
export interface Prefix extends Address {
  readonly length: number;
}

const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** Reads `192.0.2.7` or `2001:db8::7`, without a zone; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: readOctets(text) };
  if (family === 6 && !text.includes("%")) return { family, value: readGroups(text) };
  return undefined;
}

/** Reads `192.0.2.7/24` or `2001:db8::7/64`; undefined when it is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, address, digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const parsed = parseAddress(address ?? "");
  const length = Number(digits);
  return parsed === undefined || length > BITS[parsed.family] ? undefined : { ...parsed, length };
}

/** Whether the address is in the prefix's network. */
export function contains({ family, value, length }: Prefix, address: Address): boolean {
  const rest = BigInt(BITS[family] - length);
  return address.family === family && address.value >> rest === value >> rest;
}

/** Whether the prefix is a network's own: no bit is set behind its length. */
export function isNetwork({ family, value, length }: Prefix): boolean {
  const rest = BigInt(BITS[family] - length);
  return (value >> rest) << rest === value;
}

/** Whether one host can have it: not unspecified, multicast, reserved or broadcast (RFC 1122 section 3.2.1.3, RFC 4291). */
export function isHost({ family, value }: Address): boolean {
  return value !== 0n && (family === 4 ? value >> 28n < 0xen : value >> 120n !== 0xffn);
}

/** RFC 4291 section 2.5.6. */
export function isLinkLocal({ family, value }: Address): boolean {
  return family === 6 && value >> 118n === 0x3fan;
}

/** An address of either family that one host can have, or the loopback's. */
export function checkIpAddress(text: string, problems: Problems): void {
  if (parseAddress(text) === undefined) problems.add(`${quote(text)} is no IP address`);
}

/** A network of either family, `192.0.2.0/24`. */
export function checkNetwork(text: string, problems: Problems): Prefix | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined) problems.add(`${quote(text)} is no network like 192.0.2.0/24`);
  else if (!isNetwork(prefix)) problems.add(`${quote(text)} has bits set behind its prefix length`);
  return prefix;
}

function readOctets(text: string): bigint {
  return text.split(".").reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function readGroups(text: string): bigint {
  const [head = "", tail] = text.split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: missing }, () => 0n), ...after].reduce(
    (value, group) => (value << 16n) | group,
    0n,
  );
}

/** The last 32 bits may be written as IPv4's (RFC 4291 section 2.2). */
function groupsOf(text: string): bigint[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const value = readOctets(group);
    return [value >> 16n, value & 0xffffn];
  });
}
