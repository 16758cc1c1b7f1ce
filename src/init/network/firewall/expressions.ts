import { attribute, be32, nested, text } from "../netlink.ts";

/*
 * Expressions of nf_tables, of which its rules are made (linux/netfilter/nf_tables.h, libnftnl): each loads something
 * into a register, compares it, or decides. A comparison that fails ends the rule. `nft list ruleset` shows them.
 */

/** An expression as an attribute of a rule. */
export type Expression = Buffer;

const NFTA_LIST_ELEM = 1;
const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
const NFTA_DATA_VALUE = 1;
const NFTA_DATA_VERDICT = 2;

/** The verdict's register and the one that everything is loaded into. */
const VERDICT_REGISTER = 0;
const REGISTER = 1;

/** What can be asked of a packet's surroundings (enum nft_meta_keys). */
const META_KEYS = {
  iif: 4,
  iifname: 6,
  oifname: 7,
  nfproto: 15,
  l4proto: 16,
  iifkind: 26,
  oifkind: 27,
} as const;

/** linux/in.h. */
export const IP_PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

const NFPROTO = { 4: 2, 6: 10 } as const;

/** IFNAMSIZ: names are compared with all of their bytes. */
const NAME_BYTES = 16;

const CMP_OPERATIONS = { equal: 0, different: 1, below: 2, atMost: 3, above: 4, atLeast: 5 } as const;

/** Loads one of META_KEYS. */
export function meta(key: keyof typeof META_KEYS): Expression {
  return expression("meta", be32(1, REGISTER), be32(2, META_KEYS[key]));
}

/** Compares what was loaded with bytes. */
export function compare(operation: keyof typeof CMP_OPERATIONS, bytes: Uint8Array): Expression {
  return expression("cmp", be32(1, REGISTER), be32(2, CMP_OPERATIONS[operation]), data(3, bytes));
}

/** The packet comes in, or goes out, by a vNIC of this name, whether there is one or not. */
export function by(direction: "in" | "out", name: string): Expression[] {
  const bytes = Buffer.alloc(NAME_BYTES);
  bytes.write(name);
  return [meta(direction === "in" ? "iifname" : "oifname"), compare("equal", bytes)];
}

/**
 * The packet comes in, or goes out, by an interface that somebody has made (a tunnel, a bridge): no other has a kind,
 * and asking it for one ends the rule.
 */
export function byMadeInterface(direction: "in" | "out"): Expression[] {
  return [meta(direction === "in" ? "iifkind" : "oifkind"), compare("different", Buffer.alloc(NAME_BYTES))];
}

/** The packet is of a family of addresses. */
export function ofFamily(family: 4 | 6): Expression[] {
  return [meta("nfproto"), compare("equal", Uint8Array.of(NFPROTO[family]))];
}

/** The packet is of a protocol. */
export function ofProtocol(protocol: keyof typeof IP_PROTOCOLS): Expression[] {
  return [meta("l4proto"), compare("equal", Uint8Array.of(IP_PROTOCOLS[protocol]))];
}

/** Loads bytes of the network header (1) or the transport header (2). */
export function payload(base: 1 | 2, offset: number, length: number): Expression {
  return expression("payload", be32(1, REGISTER), be32(2, base), be32(3, offset), be32(4, length));
}

/** Bitwise and: keeps what a mask has. */
export function masked(mask: Uint8Array): Expression {
  return expression(
    "bitwise",
    be32(1, REGISTER),
    be32(2, REGISTER),
    be32(3, mask.length),
    data(4, mask),
    data(5, new Uint8Array(mask.length)),
  );
}

const CT_STATE = 0;
const CT_PROTO_DST = 12;
/** Bits of the state (nf_conntrack_common.h): NF_CT_STATE_BIT of established and related. */
const ESTABLISHED_OR_RELATED = 2 | 4;

/** The packet belongs to a connection that is known, or is an error of one. */
export function ofKnownConnection(): Expression[] {
  const mask = Buffer.alloc(4);
  // Registers hold such numbers in the machine's order.
  mask.writeUInt32LE(ESTABLISHED_OR_RELATED);
  return [
    expression("ct", be32(1, REGISTER), be32(2, CT_STATE)),
    masked(mask),
    compare("different", Buffer.alloc(4)),
  ];
}

/** The port that the connection's first packet asked for, before any redirection, is in a range. */
export function ofAskedPort(first: number, last: number): Expression[] {
  return [
    expression("ct", be32(1, REGISTER), be32(2, CT_PROTO_DST), attribute(3, Uint8Array.of(0))),
    compare("atLeast", portBytes(first)),
    compare("atMost", portBytes(last)),
  ];
}

/** The packet's port is mapped by a map of this transaction: the redirection goes there; else the rule ends. */
export function redirectBy(map: string, id: number): Expression[] {
  return [
    payload(2, 2, 2),
    expression("lookup", text(1, map), be32(2, REGISTER), be32(3, REGISTER), be32(4, id)),
    expression("redir", be32(1, REGISTER)),
  ];
}

const VERDICTS = { accept: 1, drop: 0, jump: -3 } as const;

/** Decides; a jump goes to a chain and comes back. */
export function verdict(code: keyof typeof VERDICTS, chain?: string): Expression {
  const details = [be32(1, VERDICTS[code]), ...(chain === undefined ? [] : [text(2, chain)])];
  return expression("immediate", be32(1, VERDICT_REGISTER), nested(2, nested(NFTA_DATA_VERDICT, ...details)));
}

/** A port in the network's order. */
export function portBytes(port: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(port);
  return bytes;
}

/** An attribute that holds a value. */
export function data(type: number, bytes: Uint8Array): Buffer {
  return nested(type, attribute(NFTA_DATA_VALUE, bytes));
}

function expression(name: string, ...attributes: readonly Buffer[]): Expression {
  return nested(NFTA_LIST_ELEM, text(NFTA_EXPR_NAME, name), nested(NFTA_EXPR_DATA, ...attributes));
}
