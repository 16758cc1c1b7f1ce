import $protobuf from "protobufjs/minimal.js";
import { TetherError } from "../../protocol/errors/index.ts";
import { encodeDelimited } from "../../protocol/length-delimited.ts";
import { ALL_GROUPS, GROUP } from "../../stats/index.ts";

/** What a client of the subsystem `stats` asks for, checked: Request of proto/stats.proto. */
export type StatisticsRequest =
  | {
      readonly kind: "subscribe";
      readonly periodMs: number;
      readonly groups: number;
      readonly delta: boolean;
    }
  | { readonly kind: "sample"; readonly groups: number }
  | { readonly kind: "history"; readonly afterUs: number }
  | { readonly kind: "unsubscribe" }
  | { readonly kind: "facts" };

/** Subscribe.period_ms. */
const LEAST_PERIOD_MS = 100;
const MOST_PERIOD_MS = 3_600_000;
const DEFAULT_PERIOD_MS = 1000;

/** The fields of Request. */
const SUBSCRIBE = 1;
const GET_SAMPLE = 2;
const GET_HISTORY = 3;
const UNSUBSCRIBE = 4;
const GET_FACTS = 5;

/** A list of groups may be packed into one field, and then is a message of its own (protobuf encoding guide). */
const LENGTH_DELIMITED = 2;

const LAST_GROUP = Math.max(...Object.values(GROUP));

type Reader = $protobuf.Reader;

/**
 * Reads a Request. By hand: the generated module, which has code for every field of a sample, is ten times as much as
 * everything else that a subscriber needs to be loaded.
 *
 * @throws TetherError `link-protocol` for bytes that are no request, `invalid-option` for one that cannot be met.
 */
export function decodeStatisticsRequest(bytes: Uint8Array): StatisticsRequest {
  let request: StatisticsRequest | undefined;
  try {
    const reader = $protobuf.Reader.create(bytes);
    fields(reader, reader.len, (field) => {
      const read = READ[field];
      if (read === undefined) return false;
      request = read(reader, reader.uint32() + reader.pos);
      return true;
    });
  } catch (error) {
    throw TetherError.from(error, "link-protocol", "malformed request");
  }
  if (request === undefined) throw new TetherError("link-protocol", "the agent does not know this request");
  return request;
}

/** A Message with an Error. */
export function encodeStatisticsError(error: TetherError): Buffer {
  const writer = $protobuf.Writer.create();
  writer.uint32(ERROR_TAG).fork();
  writer.uint32(CODE_TAG).string(error.code).uint32(MESSAGE_TAG).string(error.message);
  return encodeDelimited(writer.ldelim().finish());
}

/** A Message with a HistoryEnd. */
export function encodeHistoryEnd(samples: number): Buffer {
  const writer = $protobuf.Writer.create();
  writer.uint32(HISTORY_END_TAG).fork().uint32(SAMPLES_TAG).uint32(samples);
  return encodeDelimited(writer.ldelim().finish());
}

const HISTORY_END_TAG = (2 << 3) | LENGTH_DELIMITED;
const ERROR_TAG = (3 << 3) | LENGTH_DELIMITED;
const CODE_TAG = (1 << 3) | LENGTH_DELIMITED;
const MESSAGE_TAG = (2 << 3) | LENGTH_DELIMITED;
const SAMPLES_TAG = 1 << 3;

const READ: Readonly<Record<number, (reader: Reader, end: number) => StatisticsRequest>> = {
  [SUBSCRIBE]: readSubscribe,
  [GET_SAMPLE]: readGetSample,
  [GET_HISTORY]: readGetHistory,
  [UNSUBSCRIBE]: readNothing("unsubscribe"),
  [GET_FACTS]: readNothing("facts"),
};

/** A request without fields. */
function readNothing(kind: "unsubscribe" | "facts"): (reader: Reader, end: number) => StatisticsRequest {
  return (reader, end) => {
    fields(reader, end, () => false);
    return { kind };
  };
}

function readSubscribe(reader: Reader, end: number): StatisticsRequest {
  let periodMs = 0;
  let groups = 0;
  let delta = false;
  fields(reader, end, (field, type) => {
    if (field === 1) periodMs = reader.uint32();
    else if (field === 2) groups |= readGroups(reader, type);
    else if (field === 3) delta = reader.bool();
    else return false;
    return true;
  });
  if (periodMs !== 0 && (periodMs < LEAST_PERIOD_MS || periodMs > MOST_PERIOD_MS))
    throw new TetherError(
      "invalid-option",
      `a period of ${periodMs} ms: ${LEAST_PERIOD_MS} to ${MOST_PERIOD_MS} are possible`,
    );
  return { kind: "subscribe", periodMs: periodMs || DEFAULT_PERIOD_MS, groups: groups || ALL_GROUPS, delta };
}

function readGetSample(reader: Reader, end: number): StatisticsRequest {
  let groups = 0;
  fields(reader, end, (field, type) => {
    if (field !== 1) return false;
    groups |= readGroups(reader, type);
    return true;
  });
  return { kind: "sample", groups: groups || ALL_GROUPS };
}

function readGetHistory(reader: Reader, end: number): StatisticsRequest {
  let afterMs = 0;
  fields(reader, end, (field) => {
    if (field !== 1) return false;
    afterMs = Number(reader.uint64());
    return true;
  });
  return { kind: "history", afterUs: afterMs * 1000 };
}

function readGroups(reader: Reader, type: number): number {
  if (type !== LENGTH_DELIMITED) return groupBit(reader.uint32());
  let groups = 0;
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) groups |= groupBit(reader.uint32());
  return groups;
}

function groupBit(group: number): number {
  if (group < 1 || group > LAST_GROUP) throw new TetherError("invalid-option", `there is no group ${group}`);
  return 1 << group;
}

/** @param take reads a field; false: it does not know it, and the field is passed over. */
function fields(reader: Reader, end: number, take: (field: number, type: number) => boolean): void {
  if (end > reader.len) throw new RangeError("a field ends behind the message");
  while (reader.pos < end) {
    const tag = reader.uint32();
    const [field, type] = [tag >>> 3, tag & 7];
    if (!take(field, type)) reader.skipType(type);
  }
  if (reader.pos !== end) throw new RangeError("a field ends behind its message");
}
