import { type ByteString, toBytes } from "./byte-string.ts";
import { encodePaxRecords, formatPaxTime, type PaxRecord } from "./pax-records.ts";
import { contentBytes, type TarEntry } from "./tar-entry.ts";
import { BLOCK_BYTES, checksumOf, FIELDS, PAX_HEADER, paddingAfter, TYPE_FLAGS } from "./tar-format.ts";

/** What ends an archive: two blocks of zeros. */
export const ARCHIVE_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

const NANOSECONDS = 1_000_000_000n;

/**
 * A member's header, as GNU tar, Go and libarchive read it: ustar, with a pax header before it for what ustar
 * cannot say, and for a sparse file its map behind it (GNU's sparse format 1.0). What follows is the content
 * ({@link contentBytes}) and {@link endOfEntry}.
 */
export function encodeEntry(entry: TarEntry): Buffer {
  const map = sparseMap(entry);
  const storedBytes = contentBytes(entry) + map.length;
  const records = paxRecords(entry, storedBytes);
  const name = entry.extents === undefined ? entry.name : `GNUSparseFile.0/${baseName(entry.name)}`;
  const header = ustarHeader(
    {
      ...entry,
      name,
      seconds: floorDivide(entry.modifiedNs, NANOSECONDS),
      storedBytes,
    },
    TYPE_FLAGS[entry.kind],
  );
  return Buffer.concat([...(records.length === 0 ? [] : [paxHeader(entry, records)]), header, map]);
}

/** Zeros up to the next block. */
export function endOfEntry(entry: TarEntry): Buffer {
  return Buffer.alloc(paddingAfter(contentBytes(entry)));
}

function paxRecords(entry: TarEntry, storedBytes: number): PaxRecord[] {
  const { name, linkTarget, uid, gid, modifiedNs, attributes, extents, size } = entry;
  const records: PaxRecord[] = [];
  const add = (keyword: string, value: ByteString): void => void records.push([keyword, toBytes(value)]);
  if (extents !== undefined) {
    add("GNU.sparse.major", "1");
    add("GNU.sparse.minor", "0");
    add("GNU.sparse.name", name);
    add("GNU.sparse.realsize", String(size));
  } else if (name.length > FIELDS.name[1]) add("path", name);
  if (linkTarget.length > FIELDS.linkname[1]) add("linkpath", linkTarget);
  if (!fitsOctal(BigInt(storedBytes), FIELDS.size[1])) add("size", String(storedBytes));
  if (!fitsOctal(BigInt(uid), FIELDS.uid[1])) add("uid", String(uid));
  if (!fitsOctal(BigInt(gid), FIELDS.gid[1])) add("gid", String(gid));
  if (modifiedNs % NANOSECONDS !== 0n || !fitsOctal(modifiedNs / NANOSECONDS, FIELDS.mtime[1]))
    add("mtime", formatPaxTime(modifiedNs));
  for (const [attribute, value] of attributes)
    records.push([`SCHILY.xattr.${attribute}`, Buffer.from(value)]);
  return records;
}

function paxHeader(entry: TarEntry, records: readonly PaxRecord[]): Buffer {
  const content = encodePaxRecords(records);
  const header = ustarHeader(
    {
      name: `PaxHeaders.0/${baseName(entry.name)}`,
      mode: 0o644,
      uid: 0,
      gid: 0,
      seconds: 0n,
      storedBytes: content.length,
      linkTarget: "",
      major: 0,
      minor: 0,
    },
    PAX_HEADER,
  );
  return Buffer.concat([header, content, Buffer.alloc(paddingAfter(content.length))]);
}

interface UstarFields
  extends Pick<TarEntry, "name" | "mode" | "uid" | "gid" | "linkTarget" | "major" | "minor"> {
  readonly seconds: bigint;
  readonly storedBytes: number;
}

/** What does not fit is cut or zero: the pax header before it says it in full. */
function ustarHeader(fields: UstarFields, type: string): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const write = ([offset, length]: readonly [number, number], text: ByteString): void =>
    void header.write(text.slice(0, length), offset, "latin1");
  const writeOctal = (field: readonly [number, number], value: bigint): void =>
    write(field, (fitsOctal(value, field[1]) ? value : 0n).toString(8).padStart(field[1] - 1, "0"));
  write(FIELDS.name, fields.name);
  writeOctal(FIELDS.mode, BigInt(fields.mode));
  writeOctal(FIELDS.uid, BigInt(fields.uid));
  writeOctal(FIELDS.gid, BigInt(fields.gid));
  writeOctal(FIELDS.size, BigInt(fields.storedBytes));
  writeOctal(FIELDS.mtime, fields.seconds);
  write(FIELDS.type, type);
  write(FIELDS.linkname, fields.linkTarget);
  write(FIELDS.magic, "ustar\x0000");
  writeOctal(FIELDS.major, BigInt(fields.major));
  writeOctal(FIELDS.minor, BigInt(fields.minor));
  write(FIELDS.checksum, `${checksumOf(header).toString(8).padStart(6, "0")}\0 `);
  return header;
}

/** One digit's place is the NUL's. */
function fitsOctal(value: bigint, fieldBytes: number): boolean {
  return value >= 0n && value < 8n ** BigInt(fieldBytes - 1);
}

/** The number of stretches, then offset and length of each, one number a line, padded to a block. */
function sparseMap({ extents, size }: TarEntry): Buffer {
  if (extents === undefined) return Buffer.alloc(0);
  // GNU tar tells a hole at the end by an empty stretch there.
  const last = extents.at(-1);
  const all =
    last !== undefined && last.offset + last.length === size
      ? extents
      : [...extents, { offset: size, length: 0 }];
  const text = `${all.length}\n${all.map(({ offset, length }) => `${offset}\n${length}\n`).join("")}`;
  return Buffer.concat([Buffer.from(text), Buffer.alloc(paddingAfter(text.length))]);
}

function baseName(name: ByteString): ByteString {
  return name.split("/").findLast((part) => part !== "") ?? "";
}

function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
