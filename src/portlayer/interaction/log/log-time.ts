import { TetherError } from "../../../protocol/errors/index.ts";
import type { LogTime } from "./log-entry.ts";

/**
 * Reads a moment as Docker's `--since` and `--until` do: a Go duration before now (`10m`, `1h30m`), RFC 3339 with or
 * without its time, fraction and zone (then the local one), or seconds since 1970 with a fraction.
 *
 * @param option for the message: `since`.
 * @throws TetherError `invalid-option` with Docker's text.
 */
export function parseLogTime(option: string, value: string, nowMs: number = Date.now()): LogTime {
  const time = durationBefore(value, nowMs) ?? calendarTime(value) ?? unixTime(value);
  if (time !== undefined) return time;
  throw new TetherError(
    "invalid-option",
    `invalid value for "${option}": failed to parse value as time or duration: ${JSON.stringify(value)}`,
  );
}

/** As Docker prints it for `logs --timestamps`: RFC 3339 in UTC with all nine digits. */
export function formatLogTime({ seconds, nanoseconds }: LogTime): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, "0")}Z`;
}

/** Seconds of each unit of Go's time.ParseDuration. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  μs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
};

const DURATION = /^(?<sign>[+-]?)(?<parts>(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u;
const DURATION_PART = /(?<number>\d+\.?\d*|\.\d+)(?<unit>ns|us|µs|μs|ms|s|m|h)/gu;

function durationBefore(value: string, nowMs: number): LogTime | undefined {
  const { sign, parts } = DURATION.exec(value)?.groups ?? {};
  if (parts === undefined) return undefined;
  let seconds = 0;
  for (const { groups } of parts.matchAll(DURATION_PART))
    seconds += Number(groups?.["number"]) * (UNITS[groups?.["unit"] ?? ""] ?? 0);
  // Docker counts in whole seconds here.
  return inRange(Math.floor(nowMs / 1000 - (sign === "-" ? -seconds : seconds)), 0);
}

const CALENDAR = new RegExp(
  String.raw`^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)` +
    String.raw`(?:[Tt](?<hour>\d\d)(?::(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,9})\d*)?)?)?)?` +
    String.raw`(?<zone>[Zz]|[+-]\d\d:\d\d)?$`,
);

function calendarTime(value: string): LogTime | undefined {
  const groups = CALENDAR.exec(value)?.groups;
  if (groups === undefined) return undefined;
  const field = (name: string): number => Number(groups[name] ?? 0);
  const [year, month, day] = [field("year"), field("month"), field("day")];
  const [hour, minute, second] = [field("hour"), field("minute"), field("second")];
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // A 30th of February is put forward by Date: then it is another day.
  const isSame = utc.getUTCMonth() === month - 1 && utc.getUTCDate() === day;
  if (!isSame || hour > 23 || minute > 59 || second > 59) return undefined;
  const offset = zoneMs(groups["zone"]);
  const ms =
    offset === undefined
      ? new Date(year, month - 1, day, hour, minute, second).getTime()
      : utc.getTime() - offset;
  return inRange(Math.floor(ms / 1000), Number((groups["fraction"] ?? "").padEnd(9, "0")));
}

/** @returns undefined for the local time. */
function zoneMs(zone: string | undefined): number | undefined {
  if (zone === undefined) return undefined;
  if (zone.toUpperCase() === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith("-") ? -minutes : minutes) * 60_000;
}

function unixTime(value: string): LogTime | undefined {
  const groups = /^(?<seconds>-?\d{1,15})(?:\.(?<fraction>\d{1,9}))?$/.exec(value)?.groups;
  if (groups === undefined) return undefined;
  return inRange(Number(groups["seconds"]), Number((groups["fraction"] ?? "").padEnd(9, "0")));
}

/** Before 1970 is before every log. */
function inRange(seconds: number, nanoseconds: number): LogTime {
  return seconds < 0 ? { seconds: 0, nanoseconds: 0 } : { seconds, nanoseconds };
}
