import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tether } from "../../../protocol/generated/control.js";
import type { Event } from "../../../protocol/control-messages.ts";
import { encodeLogRecord, LogDecoder } from "../../../protocol/log/index.ts";

/** Stands beside the log; not a number behind the point, which would be a rotated file. */
const INDEX_SUFFIX = ".events";

/** How far a log has been looked through for events, and what was found. */
export interface EventIndex {
  /** The first bytes of the file that was read last, in hexadecimal digits: its first record, which has its time. */
  readonly head: string;
  /** Of that file: behind the last record that was found. */
  readonly offset: number;
  /** Of the latest run, in order. */
  readonly events: readonly Event[];
}

/** The index beside a log; undefined when there is none, or it is none: all of the log is read again then. */
export function readEventIndex(path: string): EventIndex | undefined {
  try {
    return decode(readFileSync(path + INDEX_SUFFIX));
  } catch {
    // It only saves time.
    return undefined;
  }
}

/** Replaces the index, so that a reader finds the one or the other. Never fails: it only saves time. */
export function writeEventIndex(path: string, index: EventIndex): void {
  const temporary = `${path}${INDEX_SUFFIX}.${process.pid}`;
  try {
    writeFileSync(temporary, encode(index), { mode: 0o600 });
    renameSync(temporary, path + INDEX_SUFFIX);
  } catch {
    rmSync(temporary, { force: true });
  }
}

export function removeEventIndex(path: string): void {
  rmSync(path + INDEX_SUFFIX, { force: true });
}

/** A line that says where, then the events as records of a log. */
function encode({ head, offset, events }: EventIndex): Buffer {
  return Buffer.concat([
    Buffer.from(`${head} ${offset}\n`),
    ...events.map((event) => encodeLogRecord({ event })),
  ]);
}

function decode(bytes: Buffer): EventIndex | undefined {
  const end = bytes.indexOf("\n");
  const found = /^(?<head>[0-9a-f]+) (?<offset>\d{1,15})$/.exec(
    bytes.toString("latin1", 0, Math.max(0, end)),
  );
  const { head = "", offset = "" } = found?.groups ?? {};
  const decoder = new LogDecoder();
  const records = [...decoder.push(bytes.subarray(end + 1)), ...decoder.end()];
  if (found === null || decoder.damagedBytes > 0) return undefined;
  return { head, offset: Number(offset), events: records.flatMap(({ record }) => record.event ?? []) };
}

/** What an event takes in the index. */
export function sizeOfEvent(event: Event): number {
  return tether.control.Event.encode(event).len;
}
