import protobuf from "protobufjs/minimal.js";
import type { Problems } from "../problems.ts";
import { readBytes } from "./scalars.ts";
import type { Field } from "./schema.ts";
import { isMasked, MASKED } from "./secrets.ts";

/**
 * Reads the fields of a message that proto/config.proto does not know, encoded and as base64.
 *
 * @param known those that have a name, and are to be written with it: behind the check of the others they would change
 * what was checked.
 */
export function readUnknown(
  known: readonly Field[],
  json: unknown,
  problems: Problems,
): Uint8Array[] | undefined {
  if (isMasked(json)) problems.add(MASKED);
  else {
    const bytes = readBytes({ base64: json }, problems);
    if (bytes !== undefined && checkFields(known, bytes, problems)) return [bytes];
  }
  return undefined;
}

function checkFields(known: readonly Field[], bytes: Uint8Array, problems: Problems): boolean {
  const reader = protobuf.Reader.create(bytes);
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const field = known.find(({ id }) => id === tag >>> 3);
      if (field !== undefined) {
        problems.add(`holds ${field.name}, which is known`);
        return false;
      }
      reader.skipType(tag & 7, 0, tag >>> 3);
    }
    return true;
  } catch (error) {
    problems.add(`is no protobuf: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}
