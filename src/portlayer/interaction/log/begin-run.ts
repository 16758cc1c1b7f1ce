import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { now } from "../../../protocol/control-messages.ts";
import { encodeLogRecord, LogDecoder } from "../../../protocol/log/index.ts";
import { type LogLimit, rotateResting } from "./rotate-log.ts";

/** Where the last records of a file are looked for; many times the largest of them. */
const TAIL_BYTES = 512 * 1024;

/**
 * Makes a log ready for a start of its container, which must not run: rotates it when it is due, takes away the torn
 * record that a killed VM may have left, and marks where the run begins.
 *
 * @returns the number of bytes in the file: the guest counts from there.
 */
export function beginRun(path: string, limit: LogLimit): number {
  rotateResting(path, limit);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND;
  const descriptor = openSync(path, flags, 0o600);
  try {
    ftruncateSync(descriptor, endOfRecords(descriptor));
    writeSync(descriptor, encodeLogRecord({ time: now(), runBegun: {} }));
    return fstatSync(descriptor).size;
  } finally {
    closeSync(descriptor);
  }
}

/** Behind the last whole record; the file's end when there is none near it. */
function endOfRecords(descriptor: number): number {
  const { size } = fstatSync(descriptor);
  const start = Math.max(0, size - TAIL_BYTES);
  const tail = Buffer.alloc(size - start);
  const length = readSync(descriptor, tail, 0, tail.length, start);
  const decoder = new LogDecoder(start);
  let end = start === 0 ? 0 : size;
  for (const record of decoder.push(tail.subarray(0, length))) end = record.end;
  for (const record of decoder.end()) end = record.end;
  return end;
}
