import type { Event, LogRecord, Time } from "../../../protocol/control-messages.ts";
import { tether } from "../../../protocol/generated/control.js";

/** A moment, as the guest's clock had it. */
export interface LogTime {
  /** Since 1970 UTC. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

/** What a log tells, one thing after the other. */
export type LogEntry =
  | {
      readonly kind: "output";
      readonly time: LogTime;
      readonly stream: "stdout" | "stderr";
      /** A line with its newline, or a part of one. */
      readonly data: Buffer;
      readonly isLineStart: boolean;
      readonly isLineEnd: boolean;
    }
  | { readonly kind: "event"; readonly time: LogTime; readonly event: Event }
  /** So many bytes of output are not in the log. */
  | { readonly kind: "dropped"; readonly time: LogTime; readonly bytes: number }
  /** The container was started (again). */
  | { readonly kind: "run-begun"; readonly time: LogTime };

/** The last second that RFC 3339 can write: of the year 9999. */
const MAX_SECONDS = 253_402_300_799;

/** @returns undefined for a record of a kind that is not known here. */
export function toLogEntry({
  time: recorded,
  output,
  event,
  dropped,
  runBegun,
}: LogRecord): LogEntry | undefined {
  const time = toLogTime(recorded);
  if (output) {
    const data = output.data ?? new Uint8Array();
    return {
      kind: "output",
      time,
      stream: output.stream === tether.control.Output.Stream.STDERR ? "stderr" : "stdout",
      data: Buffer.from(data.buffer, data.byteOffset, data.length),
      isLineStart: !output.continued,
      isLineEnd: !output.partial,
    };
  }
  if (event) return { kind: "event", time, event };
  if (dropped) return { kind: "dropped", time, bytes: dropped.bytes ?? 0 };
  return runBegun ? { kind: "run-begun", time } : undefined;
}

/** @returns below 0 when `a` is before `b`. */
export function compareTimes(a: LogTime, b: LogTime): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

/** The guest may claim any time; what cannot be one is 1970. */
function toLogTime(time: Time | null | undefined): LogTime {
  const seconds = time?.seconds ?? 0;
  const nanoseconds = time?.nanoseconds ?? 0;
  if (!(seconds >= 0 && seconds <= MAX_SECONDS && nanoseconds < 1_000_000_000))
    return { seconds: 0, nanoseconds: 0 };
  return { seconds, nanoseconds };
}
