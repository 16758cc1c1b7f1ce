import type { Event } from "../../protocol/control-messages.ts";
import type { tether } from "../../protocol/generated/control.js";
import type { RecordedExit } from "./container-record.ts";

/** The events of the container's latest start: every start counts from 1 again. */
export function lastRun(events: readonly Event[]): readonly Event[] {
  const first = events.findLastIndex(({ sequence }) => sequence === 1);
  return first < 0 ? events : events.slice(first);
}

/** How the main session ended; undefined when it has not, or was started again. */
export function findExit(events: readonly Event[]): RecordedExit | undefined {
  const last = events.findLast(
    ({ sessionId, started, exited, restarting }) =>
      (sessionId ?? "") === "" && (started ?? exited ?? restarting),
  );
  return last?.exited ? toExit(last.exited) : undefined;
}

/** An exit as records have it. */
export function toExit({ code, signal, outOfMemory }: tether.control.Exited.$Properties): RecordedExit {
  return {
    code: code ?? 0,
    signal: signal ?? 0,
    ...(outOfMemory === true ? { isOutOfMemory: true } : {}),
  };
}
