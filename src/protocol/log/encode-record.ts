import type { Event, LogRecord, Time } from "../control-messages.ts";
import { tether } from "../generated/control.js";
import { crc32 } from "./crc32.ts";
import { HEADER_BYTES, MAX_RECORD_BYTES, varintBytes, writeHeader, writeVarint } from "./frame.ts";

/** Docker's limit of one message: a longer line is written in pieces. */
export const MAX_OUTPUT_BYTES = 16 * 1024;

/** What a record takes beside its output: size, header, time, tags and flags. */
export const MAX_OUTPUT_OVERHEAD = 64;

/** A part of a line of output, in a buffer that holds more. */
export interface OutputPart {
  /** As encodeTime gives it. */
  readonly time: Uint8Array;
  readonly stream: "stdout" | "stderr";
  /** The line goes on in the next record. */
  readonly isPartial: boolean;
  /** The line began in an earlier record. */
  readonly isContinued: boolean;
  readonly source: Uint8Array;
  readonly start: number;
  /** At most MAX_OUTPUT_BYTES behind `start`. */
  readonly end: number;
  /** Where the first byte is in the process's stream, counted from 1. */
  readonly position: number;
}

/** Frames a record. One that would be too large loses the details of its event. */
export function encodeLogRecord(record: LogRecord): Buffer {
  const bytes = tether.control.LogRecord.encode(record).finish();
  const size = HEADER_BYTES + bytes.length;
  if (size > MAX_RECORD_BYTES)
    return encodeLogRecord({ time: record.time ?? null, event: withoutDetails(record.event ?? {}) });
  const framed = Buffer.allocUnsafe(varintBytes(size) + size);
  const start = writeVarint(framed, 0, size);
  framed.set(bytes, start + HEADER_BYTES);
  writeHeader(framed, start, crc32(framed, start + HEADER_BYTES, framed.length));
  return framed;
}

/** The field `time` of a record, for every piece of output that arrived at that time. */
export function encodeTime(time: Time): Uint8Array {
  return tether.control.LogRecord.encode({ time }).finish();
}

/**
 * Writes a record of output: what encodeLogRecord would, without an object for each line.
 *
 * @param target has room for the part and MAX_OUTPUT_OVERHEAD.
 * @returns where the next record goes.
 */
export function writeOutputRecord(target: Uint8Array, offset: number, part: OutputPart): number {
  const { time, source, start, end, position } = part;
  const length = end - start;
  const flags = (part.stream === "stderr" ? 2 : 0) + (part.isPartial ? 2 : 0) + (part.isContinued ? 2 : 0);
  const output = 1 + varintBytes(length) + length + flags + 1 + varintBytes(position);
  const size = HEADER_BYTES + time.length + 1 + varintBytes(output) + output;
  const header = writeVarint(target, offset, size);
  target.set(time, header + HEADER_BYTES);
  let next = header + HEADER_BYTES + time.length;
  target[next++] = TAG.output;
  next = writeVarint(target, next, output);
  if (part.stream === "stderr") next = writeTrue(target, next, TAG.stream);
  target[next++] = TAG.data;
  next = writeVarint(target, next, length);
  copy(source, start, end, target, next);
  next += length;
  if (part.isPartial) next = writeTrue(target, next, TAG.partial);
  if (part.isContinued) next = writeTrue(target, next, TAG.continued);
  target[next++] = TAG.position;
  next = writeVarint(target, next, position);
  writeHeader(target, header, crc32(target, header + HEADER_BYTES, next));
  return next;
}

/** Field number and wire type of LogRecord.output, and of the fields of Output. */
const TAG = {
  output: 0x1a,
  stream: 0x08,
  data: 0x12,
  partial: 0x18,
  continued: 0x20,
  position: 0x28,
} as const;

/** `true`, and `STDERR` as well. */
function writeTrue(target: Uint8Array, offset: number, tag: number): number {
  target[offset] = tag;
  target[offset + 1] = 1;
  return offset + 2;
}

/** A short line is copied sooner than a view of it is made. */
const SHORT_BYTES = 64;

function copy(source: Uint8Array, start: number, end: number, target: Uint8Array, offset: number): void {
  if (end - start > SHORT_BYTES) {
    target.set(source.subarray(start, end), offset);
    return;
  }
  for (let from = start, to = offset; from < end; from++, to++) target[to] = source[from] ?? 0;
}

function withoutDetails({ sequence, time, sessionId, exited, execCreated }: Event): Event {
  return {
    sequence: sequence ?? 0,
    time: time ?? null,
    sessionId: (sessionId ?? "").slice(0, 64),
    ...(exited && { exited }),
    ...(execCreated && { execCreated: {} }),
  };
}
