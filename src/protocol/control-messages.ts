import { tether } from "./generated/control.js";
import { TetherError } from "./errors/index.ts";
import { encodeDelimited } from "./length-delimited.ts";

/**
 * The control protocol's messages as both sides use them: encoded with their size before them, decoded
 * with every failure as a TetherError. proto/control.proto is the contract.
 */
export type Request = tether.control.Request.$Properties;
/** Guest to host: a reply or an event. */
export type Message = tether.control.Message.$Properties;
/** Answers one request. */
export type Reply = tether.control.Reply.$Properties;
/** Something that happened in the guest. */
export type Event = tether.control.Event.$Properties;
/** What an event is about: exactly one of these is set. */
export type EventBody = Omit<Event, "sequence" | "time" | "sessionId">;
/** The guest's present state. */
export type Snapshot = tether.control.Snapshot.$Properties;
/** One start-up stage and its time. */
export type Stage = tether.control.Stage.$Properties;
/** One record of the log port. */
export type LogRecord = tether.control.LogRecord.$Properties;
/** Wall-clock time. */
export type Time = tether.control.Time.$Properties;

export const encodeRequest = (request: Request): Buffer =>
  encodeDelimited(tether.control.Request.encode(request).finish());

export const encodeMessage = (message: Message): Buffer =>
  encodeDelimited(tether.control.Message.encode(message).finish());

export const encodeLogRecord = (record: LogRecord): Buffer =>
  encodeDelimited(tether.control.LogRecord.encode(record).finish());

/** @throws TetherError `link-protocol` for bytes that are no request. */
export const decodeRequest = (bytes: Uint8Array): Request =>
  decode("request", () => tether.control.Request.decode(bytes));

/** @throws TetherError `link-protocol` for bytes that are no message. */
export const decodeMessage = (bytes: Uint8Array): Message =>
  decode("message", () => tether.control.Message.decode(bytes));

/** @throws TetherError `link-protocol` for bytes that are no log record. */
export const decodeLogRecord = (bytes: Uint8Array): LogRecord =>
  decode("log record", () => tether.control.LogRecord.decode(bytes));

/** The present wall-clock time. */
export function now(): Time {
  const milliseconds = Date.now();
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1_000_000 };
}

function decode<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw TetherError.from(error, "link-protocol", `malformed ${what}`);
  }
}
