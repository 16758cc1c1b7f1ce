import { TetherError } from "./errors/index.ts";
import { tether } from "./generated/stats.js";
import { encodeDelimited } from "./length-delimited.ts";

/**
 * The messages of the subsystem `stats` as both sides use them: encoded with their size before them, decoded with
 * every failure as a TetherError. proto/stats.proto is the contract.
 */
export type StatsRequest = tether.stats.Request.$Properties;
/** Guest to client: a sample, the end of the history, facts, or an error. */
export type StatsMessage = tether.stats.Message.$Properties;
/** What the machine is. */
export type FactsMessage = tether.stats.Facts.$Properties;
/** One reading of the kernel as it travels: full, or a difference. */
export type SampleMessage = tether.stats.Sample.$Properties;

/** What can be asked for by itself, by its name in stats.proto. */
export const StatsGroup = tether.stats.Group;

export const encodeStatsRequest = (request: StatsRequest): Buffer =>
  encodeDelimited(tether.stats.Request.encode(request).finish());

export const encodeStatsMessage = (message: StatsMessage): Buffer =>
  encodeDelimited(tether.stats.Message.encode(message).finish());

/** A sample by itself, without its size before it. */
export const encodeSampleMessage = (sample: SampleMessage): Uint8Array =>
  tether.stats.Sample.encode(sample).finish();

/** @throws TetherError `link-protocol` for bytes that are no sample. */
export const decodeSampleMessage = (bytes: Uint8Array): SampleMessage =>
  decode("sample", () => tether.stats.Sample.decode(bytes));

/** @throws TetherError `link-protocol` for bytes that are no request. */
export const decodeStatsRequest = (bytes: Uint8Array): StatsRequest =>
  decode("request for statistics", () => tether.stats.Request.decode(bytes));

/** @throws TetherError `link-protocol` for bytes that are no message. */
export const decodeStatsMessage = (bytes: Uint8Array): StatsMessage =>
  decode("statistics", () => tether.stats.Message.decode(bytes));

function decode<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw TetherError.from(error, "link-protocol", `malformed ${what}`);
  }
}
