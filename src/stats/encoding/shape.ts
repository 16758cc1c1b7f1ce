import { type Group, type NumberFields, SAMPLE_FIELD } from "../values/schema.ts";
import { MOST_VARINT_BYTES } from "./backward-writer.ts";

/** One message of a sample: where its numbers are, and what is written with them. */
export interface MessageShape {
  /** Of the field that holds it: key and wire type (protobuf encoding guide). */
  readonly tag: number;
  /** The first slot of its numbers. */
  readonly row: number;
  /** The tags of its numbers, which lie side by side. */
  readonly tags: Uint8Array;
  /** What tells it from others of its kind, encoded; an entry without any is written when it says something. */
  readonly identity: Uint8Array | undefined;
  /** As well, but in full samples only. */
  readonly description: Uint8Array | undefined;
  readonly children: readonly MessageShape[];
}

/** The form of a sample: two of one shape can be told by their differences. */
export interface SampleShape {
  /** In the order of Sample's fields. */
  readonly messages: ReadonlyArray<{ readonly group: Group; readonly message: MessageShape }>;
  /** No sample of this shape is larger. */
  readonly mostBytes: number;
}

/** What a message is made of. */
export interface MessageParts {
  readonly field: number;
  readonly row?: number;
  readonly numbers?: NumberFields;
  readonly identity?: Uint8Array;
  readonly description?: Uint8Array;
  readonly children?: readonly MessageShape[];
}

const LENGTH_DELIMITED = 2;
const VARINT = 0;
/** Larger ones have two bytes; our messages have none above 31. */
const MOST_ONE_BYTE_FIELD = 15;

/** Describes one message. @throws Error for a field number that this encoder does not write. */
export function messageShape(parts: MessageParts): MessageShape {
  const { row = 0, numbers = [], identity, description, children = [] } = parts;
  return {
    ...{ tag: (parts.field << 3) | LENGTH_DELIMITED, row, identity, description, children },
    tags: Uint8Array.from(numbers, ({ number }) => {
      if (number > MOST_TAG_BYTE >> 3) throw new Error(`field ${number} has no place in a byte`);
      return (number << 3) | VARINT;
    }),
  };
}

const MOST_TAG_BYTE = 0xff;

/** Puts a sample's messages in order. */
export function sampleShape(
  messages: ReadonlyArray<{ readonly group: Group; readonly message: MessageShape }>,
): SampleShape {
  const order = [...messages].sort((one, other) => SAMPLE_FIELD[one.group] - SAMPLE_FIELD[other.group]);
  const mostBytes = order.reduce((sum, { message }) => sum + mostBytesOf(message), MOST_HEADER_BYTES);
  return { messages: order, mostBytes };
}

/** Times, what was lost, the mark of a difference, tags and lengths around them. */
const MOST_HEADER_BYTES = 64;
const MOST_TAG_AND_LENGTH_BYTES = 2 + MOST_VARINT_BYTES;

function mostBytesOf({ tags, identity, description, children }: MessageShape): number {
  const own = tags.length * (2 + MOST_VARINT_BYTES) + (identity?.length ?? 0) + (description?.length ?? 0);
  return children.reduce((sum, child) => sum + mostBytesOf(child), own + MOST_TAG_AND_LENGTH_BYTES);
}

/** An encoded text field. */
export function textField(number: number, text: string): Uint8Array {
  const bytes = Buffer.from(text);
  if (number > MOST_ONE_BYTE_FIELD || bytes.length > MOST_TEXT_BYTES)
    throw new Error(`text of ${bytes.length} bytes in field ${number}`);
  const length = bytes.length <= 0x7f ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.concat([Uint8Array.from([(number << 3) | LENGTH_DELIMITED, ...length]), bytes]);
}

/** What two bytes of length can say is far more than the longest path (PATH_MAX). */
const MOST_TEXT_BYTES = 0x3fff;

/** An encoded uint32 field. */
export function numberField(number: number, value: number): Uint8Array {
  const bytes = [(number << 3) | VARINT];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
