/*
 * Messages of netlink(7): a header of 16 bytes, a header of the family's, and attributes, each aligned to four bytes.
 * Integers are in the machine's own order, but for those that a family says are in the network's.
 */

/** linux/netlink.h. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

const NLMSG_ERROR = 2;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const HEADER_BYTES = 16;
const ATTRIBUTE_HEADER_BYTES = 4;
const ERROR_BYTES = 4;

/** One message. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  /** The family's header and the attributes. */
  readonly payload: Uint8Array;
}

/** A message that came. */
export interface NetlinkAnswer extends NetlinkMessage {
  /** That of the request. */
  readonly sequence: number;
}

/** What the kernel refused. */
export interface NetlinkRefusal {
  /** Which of the requests, from 0 on. */
  readonly index: number;
  /** As in errno(3), above 0. */
  readonly errno: number;
  /** The kernel's explanation; empty when it gave none. */
  readonly explanation: string;
}

/** Puts messages into one buffer; their sequence numbers are their places, from 1 on. */
export function encodeMessages(messages: readonly NetlinkMessage[]): Buffer {
  return Buffer.concat(messages.map((message, index) => encodeMessage(message, index + 1)));
}

function encodeMessage({ type, flags, payload }: NetlinkMessage, sequence: number): Buffer {
  const bytes = Buffer.alloc(align(HEADER_BYTES + payload.length));
  bytes.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/** Takes answers apart. What is cut off at the end is left out: the kernel sends whole messages. */
export function decodeAnswers(bytes: Uint8Array): NetlinkAnswer[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const answers: NetlinkAnswer[] = [];
  for (let at = 0; at + HEADER_BYTES <= buffer.length; ) {
    const length = buffer.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > buffer.length) break;
    answers.push({
      type: buffer.readUInt16LE(at + 4),
      flags: buffer.readUInt16LE(at + 6),
      sequence: buffer.readUInt32LE(at + 8),
      payload: buffer.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return answers;
}

/** The requests that failed, in their order. */
export function refusalsOf(answers: readonly NetlinkAnswer[]): NetlinkRefusal[] {
  return answers.flatMap((answer): NetlinkRefusal[] => {
    if (answer.type !== NLMSG_ERROR) return [];
    const payload = Buffer.from(answer.payload);
    const errno = payload.length < ERROR_BYTES ? 0 : -payload.readInt32LE(0);
    return errno === 0
      ? []
      : [{ index: answer.sequence - 1, errno, explanation: explanationOf(answer.flags, payload) }];
  });
}

/** With NETLINK_EXT_ACK attributes follow the failed request's header, or all of it without NETLINK_CAP_ACK. */
function explanationOf(flags: number, payload: Buffer): string {
  if ((flags & NLM_F_ACK_TLVS) === 0) return "";
  const words = decodeAttributes(payload.subarray(ERROR_BYTES + HEADER_BYTES)).get(NLMSGERR_ATTR_MSG);
  return words === undefined ? "" : Buffer.from(words).toString("utf8").replace(/\0.*$/s, "");
}

/**
 * The attributes of a message behind its family's header; of several of a type the last one.
 *
 * @param wanted the types that are asked for; undefined: all.
 */
export function decodeAttributes(bytes: Uint8Array, wanted?: readonly number[]): Map<number, Uint8Array> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + ATTRIBUTE_HEADER_BYTES <= buffer.length; ) {
    const length = buffer.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || at + length > buffer.length) break;
    const type = buffer.readUInt16LE(at + 2) & NLA_TYPE_MASK;
    if (wanted?.includes(type) !== false)
      attributes.set(type, buffer.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += align(length);
  }
  return attributes;
}

/** One attribute. */
export function attribute(type: number, value: Uint8Array): Buffer {
  const bytes = allocate(type, value.length);
  bytes.set(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** An attribute that holds attributes. */
export function nested(type: number, ...attributes: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const each of attributes) length += each.length;
  const bytes = allocate(type | NLA_F_NESTED, length);
  let at = ATTRIBUTE_HEADER_BYTES;
  for (const each of attributes) {
    bytes.set(each, at);
    at += each.length;
  }
  return bytes;
}

/** A string with its NUL. */
export function text(type: number, value: string): Buffer {
  const bytes = allocate(type, value.length + 1);
  bytes.write(value, ATTRIBUTE_HEADER_BYTES, "latin1");
  return bytes;
}

/** In the machine's order. */
export function u32(type: number, value: number): Buffer {
  const bytes = allocate(type, 4);
  bytes.writeUInt32LE(value, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** In the network's order. */
export function be32(type: number, value: number): Buffer {
  const bytes = allocate(type, 4);
  // A priority may be negative.
  bytes.writeInt32BE(value | 0, ATTRIBUTE_HEADER_BYTES);
  return bytes;
}

/** An attribute whose value is still zeroes. There are hundreds in a start, so each is one piece of memory. */
function allocate(type: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(align(ATTRIBUTE_HEADER_BYTES + length)).fill(0);
  bytes.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + length, 0);
  bytes.writeUInt16LE(type, 2);
  return bytes;
}

const align = (length: number): number => (length + 3) & ~3;
