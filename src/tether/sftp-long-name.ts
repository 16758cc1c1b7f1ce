import type { BigIntStats } from "node:fs";
import { type ByteString, fromText } from "../protocol/archive/index.ts";

/** The names that a container's passwd or group file has for its ids. */
export type Names = ReadonlyMap<number, string>;

/** Of `name:password:id:…` lines; the first name of an id counts. */
export function parseNames(text: string): Names {
  const names = new Map<number, string>();
  for (const line of text.split("\n")) {
    const [name = "", , id = ""] = line.split(":");
    if (/^[\x21-\x7e]{1,64}$/.test(name) && /^\d{1,10}$/.test(id) && !names.has(Number(id)))
      names.set(Number(id), name);
  }
  return names;
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [0o040000, "d"],
  [0o120000, "l"],
  [0o020000, "c"],
  [0o060000, "b"],
  [0o010000, "p"],
  [0o140000, "s"],
]);

/** A file as `ls -l` lists it: what version 3's clients print. Times are UTC. */
export function longName(
  name: ByteString,
  status: BigIntStats,
  users: Names,
  groups: Names,
  now: number,
): ByteString {
  const owner = users.get(Number(status.uid)) ?? String(status.uid);
  const group = groups.get(Number(status.gid)) ?? String(status.gid);
  const columns = [
    permissions(Number(status.mode)),
    String(status.nlink).padStart(4),
    owner.padEnd(8),
    group.padEnd(8),
    String(status.size).padStart(8),
    describeTime(Number(status.mtimeMs), now),
  ];
  return `${fromText(columns.join(" "))} ${name}`;
}

function permissions(mode: number): string {
  const triple = (bits: number, special: boolean, letters: string): string =>
    `${(bits & 4) !== 0 ? "r" : "-"}${(bits & 2) !== 0 ? "w" : "-"}${
      special ? letters[(bits & 1) !== 0 ? 0 : 1] : (bits & 1) !== 0 ? "x" : "-"
    }`;
  return [
    TYPES.get(mode & 0o170000) ?? "-",
    triple(mode >> 6, (mode & 0o4000) !== 0, "sS"),
    triple(mode >> 3, (mode & 0o2000) !== 0, "sS"),
    triple(mode, (mode & 0o1000) !== 0, "tT"),
  ].join("");
}

const HALF_A_YEAR_MS = (365 / 2) * 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The year in place of the time for what is older than half a year, or in the future. */
function describeTime(milliseconds: number, now: number): string {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) return "Jan  1  1970";
  const day = `${MONTHS[date.getUTCMonth()] ?? ""} ${String(date.getUTCDate()).padStart(2)}`;
  const isRecent = milliseconds <= now && now - milliseconds < HALF_A_YEAR_MS;
  const time = date.toISOString().slice(11, 16);
  return `${day} ${isRecent ? time : String(date.getUTCFullYear()).padStart(5)}`;
}
