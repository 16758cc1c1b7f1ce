import { type Address, parseAddress, parsePrefix } from "./configuration/checks/addresses.ts";

/** An address, or a network, in the form in which the kernel takes it. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** 4 or 16 of them, the highest first. */
  readonly bytes: Uint8Array;
}

/** An address with the length of its network's prefix. */
export interface IpPrefix extends IpAddress {
  /** 0 to 32 or 128. */
  readonly prefixLength: number;
}

const BYTES = { 4: 4, 6: 16 } as const;

/** Reads `192.0.2.7`, `2001:db8::7`; undefined for anything else, zones included. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : { family: address.family, bytes: bytesOf(address) };
}

/** Reads `192.0.2.7/24`, `2001:db8::7/64`; undefined for anything else. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined) return undefined;
  return { family: prefix.family, bytes: bytesOf(prefix), prefixLength: prefix.length };
}

/** The network of an address: the bits behind its prefix are zero. */
export function networkOf({ family, bytes, prefixLength }: IpPrefix): IpPrefix {
  return { family, prefixLength, bytes: bytes.map((byte, index) => byte & maskByte(prefixLength, index)) };
}

/** The netmask's byte at a place. */
export function maskByte(prefixLength: number, index: number): number {
  const bits = Math.min(Math.max(prefixLength - index * 8, 0), 8);
  return 0xff & (0xff << (8 - bits));
}

function bytesOf({ family, value }: Address): Uint8Array {
  const digits = value.toString(16).padStart(BYTES[family] * 2, "0");
  return Uint8Array.from(Buffer.from(digits, "hex"));
}
