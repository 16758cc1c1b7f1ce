import { type ByteString, fromBytes } from "./byte-string.ts";
import { BLOCK_BYTES, badArchive, checksumOf, FIELDS } from "./tar-format.ts";

/** A header block as it is, before what extended headers say about it. */
export interface RawHeader {
  readonly block: Buffer;
  readonly name: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly seconds: number;
  readonly type: string;
  readonly linkTarget: ByteString;
  readonly major: number;
  readonly minor: number;
}

/**
 * Decodes a header block of any kind in use: v7, ustar, GNU, pax.
 *
 * @throws TetherError `archive-invalid`.
 */
export function decodeHeader(block: Buffer): RawHeader {
  if (readNumber(block, FIELDS.checksum) !== checksumOf(block))
    throw badArchive("a header whose checksum is wrong");
  const magic = readText(block, FIELDS.magic);
  const isPosix = magic.startsWith("ustar") && block[FIELDS.magic[0] + 5] === 0;
  const hasDevice = magic.startsWith("ustar");
  // GNU's own format has times and sparse maps where ustar has the name's beginning.
  const prefix = isPosix ? readText(block, FIELDS.prefix) : "";
  const name = readText(block, FIELDS.name);
  return {
    block,
    name: prefix === "" ? name : `${prefix}/${name}`,
    mode: readNumber(block, FIELDS.mode) & 0o7777,
    uid: readNumber(block, FIELDS.uid),
    gid: readNumber(block, FIELDS.gid),
    size: readNumber(block, FIELDS.size),
    seconds: readNumber(block, FIELDS.mtime, true),
    type: readText(block, FIELDS.type),
    linkTarget: readText(block, FIELDS.linkname),
    major: hasDevice ? readNumber(block, FIELDS.major) : 0,
    minor: hasDevice ? readNumber(block, FIELDS.minor) : 0,
  };
}

export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZEROS);
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

function readText(block: Buffer, [offset, length]: readonly [number, number]): ByteString {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return fromBytes(end < 0 ? field : field.subarray(0, end));
}

/** Octal digits between spaces and NULs, or, with the top bit set, a number to the base 256 (GNU, star). */
export function readNumber(
  block: Buffer,
  [offset, length]: readonly [number, number],
  mayBeNegative = false,
): number {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return readBase256(block.subarray(offset, offset + length), mayBeNegative);
  const digits = block
    .toString("latin1", offset, offset + length)
    .replaceAll("\0", " ")
    .trim();
  if (!/^[0-7]*$/.test(digits)) throw badArchive("a number that is none");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

function readBase256(field: Buffer, mayBeNegative: boolean): number {
  const isNegative = (field[0] ?? 0) === 0xff;
  let value = isNegative ? -1n : BigInt((field[0] ?? 0) & 0x7f);
  for (const byte of field.subarray(1)) value = value * 256n + BigInt(byte);
  // Two's complement: what was begun with -1 has had each byte added as if it were a digit.
  const number = Number(value);
  if (!Number.isSafeInteger(number) || (number < 0 && !mayBeNegative))
    throw badArchive("a number out of bounds");
  return number;
}
