import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Event } from "../../../protocol/control-messages.ts";
import { LogDecoder } from "../../../protocol/log/index.ts";

/** How much of a file is looked through: a run's first events are at its beginning, the last at the end. */
const HEAD_BYTES = 1024 * 1024;
const TAIL_BYTES = 4 * 1024 * 1024;

/**
 * The events of a container's last run: all of a small log's, of a large one those near its ends. Damages are passed
 * over; a file that cannot be read holds nothing.
 */
export function readRecordedEvents(path: string): Event[] {
  try {
    const descriptor = openSync(path, "r");
    try {
      return eventsIn(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Whoever asks wants to know how a run ended: nothing is known.
    return [];
  }
}

function eventsIn(descriptor: number): Event[] {
  const { size } = fstatSync(descriptor);
  const parts =
    size <= HEAD_BYTES + TAIL_BYTES
      ? [[0, size] as const]
      : [[0, HEAD_BYTES] as const, [size - TAIL_BYTES, TAIL_BYTES] as const];
  let events: Event[] = [];
  for (const [start, length] of parts) {
    const bytes = Buffer.alloc(length);
    const decoder = new LogDecoder(start);
    const found = bytes.subarray(0, readSync(descriptor, bytes, 0, length, start));
    for (const { record } of [...decoder.push(found), ...decoder.end()]) {
      if (record.runBegun) events = [];
      // An agent that has taken over after a crash tells again what it may not have told.
      else if (record.event && (record.event.sequence ?? 0) > (events.at(-1)?.sequence ?? -1))
        events.push(record.event);
    }
  }
  return events;
}
