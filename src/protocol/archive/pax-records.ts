import { type ByteString, fromBytes, toBytes } from "./byte-string.ts";
import { badArchive } from "./tar-format.ts";

/** One record of a pax extended header: keyword and value. Repeated keywords mean something in GNU's sparse format 0.0. */
export type PaxRecord = readonly [keyword: ByteString, value: Buffer];

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/** A record's length counts its own digits (POSIX.1-2017, "pax Extended Header"). */
export function encodePaxRecords(records: readonly PaxRecord[]): Buffer {
  return Buffer.concat(
    records.map(([keyword, value]) => {
      const rest = Buffer.concat([toBytes(` ${keyword}=`), value, Buffer.from("\n")]);
      let length = rest.length + 1;
      while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
      return Buffer.concat([Buffer.from(String(length)), rest]);
    }),
  );
}

/** @throws TetherError `archive-invalid`. */
export function decodePaxRecords(content: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let start = 0; start < content.length && content[start] !== 0; ) {
    const space = content.indexOf(SPACE, start);
    const digits = space < 0 ? "" : content.toString("latin1", start, space);
    const end = /^\d{1,8}$/.test(digits) ? start + Number(digits) : 0;
    const equals = content.indexOf(EQUALS, space);
    if (end > content.length || equals < 0 || equals >= end || content[end - 1] !== NEWLINE)
      throw badArchive("a pax header that is no list of records");
    records.push([fromBytes(content.subarray(space + 1, equals)), content.subarray(equals + 1, end - 1)]);
    start = end;
  }
  return records;
}

const NANOSECONDS = 1_000_000_000n;

/** Seconds with a fraction only where there is one. */
export function formatPaxTime(nanoseconds: bigint): string {
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(magnitude % NANOSECONDS)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const sign = nanoseconds < 0n ? "-" : "";
  return `${sign}${magnitude / NANOSECONDS}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Digits beyond nanoseconds are cut. @throws TetherError `archive-invalid`. */
export function parsePaxTime(text: string): bigint {
  const match = /^(-?)(\d{1,10})(?:\.(\d{0,30}))?$/.exec(text);
  if (match === null) throw badArchive("a time that is no number");
  const [, sign, seconds = "0", fraction = ""] = match;
  const magnitude = BigInt(seconds) * NANOSECONDS + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -magnitude : magnitude;
}
