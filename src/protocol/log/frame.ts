/*
 * One record of the log in its file:
 *
 *   varint   size of what follows
 *   0x2d     tag of LogRecord.magic, and its four bytes
 *   0x35     tag of LogRecord.crc32, and the four bytes of the sum over the rest
 *   …        the other fields of LogRecord
 *
 * That is a length-delimited protobuf message like every other, and in a damaged file its beginning can be
 * searched for.
 */

/** Tag and value of LogRecord.magic. No UTF-8 text has these bytes. */
export const MAGIC = Buffer.from([0x2d, 0xf7, 0x54, 0xfe, 0x4c]);

const CRC_TAG = 0x35;

/** Both fields that come first. */
export const HEADER_BYTES = MAGIC.length + 5;

/** What the port's driver takes at once (virtio_console.c, port_fops_write): a record within it is never torn. */
export const MAX_FRAME_BYTES = 32 * 1024;

/**
 * The size of a record, at most, without the varint before it. A reader waits for no more than this where a record
 * was cut.
 */
export const MAX_RECORD_BYTES = MAX_FRAME_BYTES - 3;

/** How many bytes a number below 2^28 takes as a varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  let bytes = 3;
  for (let rest = value / 0x200000; rest >= 1; rest /= 0x80) bytes += 1;
  return bytes;
}

/** @returns where the next byte goes. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let next = offset;
  while (rest > 0x7f) {
    target[next++] = (rest & 0x7f) | 0x80;
    // A shift would cut a large number to 32 bits.
    rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7;
  }
  target[next++] = rest;
  return next;
}

/** Writes the two fields that come first. @returns where the rest of the record goes. */
export function writeHeader(target: Uint8Array, offset: number, crc: number): number {
  target.set(MAGIC, offset);
  const next = offset + MAGIC.length;
  target[next] = CRC_TAG;
  target[next + 1] = crc;
  target[next + 2] = crc >>> 8;
  target[next + 3] = crc >>> 16;
  target[next + 4] = crc >>> 24;
  return next + 5;
}

/** The sum that a record's header claims. */
export function readCrc(bytes: Buffer, header: number): number {
  return bytes[header + MAGIC.length] === CRC_TAG ? bytes.readUInt32LE(header + MAGIC.length + 1) : -1;
}
