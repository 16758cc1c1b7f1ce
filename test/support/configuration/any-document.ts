import fc from "fast-check";
import { configSchema } from "../../../src/protocol/generated/config-schema.js";
import { tether } from "../../../src/protocol/generated/config.js";
import type { Field } from "../../../src/protocol/configuration/json/schema.ts";

const { Config } = tether.config;

/** Field 2000, which nobody has, of wire type 2 (RFC: protobuf's encoding, "Length types"): what a newer host may write. */
const UNKNOWN_TAG = [0x82, 0x7d];
const unknownField = fc
  .uint8Array({ maxLength: 20 })
  .map((bytes) => Uint8Array.of(...UNKNOWN_TAG, bytes.length, ...bytes));

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("__proto__", "", "\ufeff"),
);

/** Any document that protobuf can hold, right or wrong, with fields that this version does not know. */
export const anyDocument = anyMessage("Config").map((properties) => Config.create(properties));

function anyMessage(name: string): fc.Arbitrary<Record<string, unknown>> {
  const fields = configSchema.messages[name]?.fields ?? [];
  const arbitraries = Object.fromEntries(fields.map((field) => [field.property, anyField(field)]));
  return fc
    .tuple(
      fc.record(arbitraries, { requiredKeys: [] }),
      fc.array(unknownField, { maxLength: 1 }),
      fc.array(fc.constantFrom(...fields.map(({ property }) => property)), { maxLength: 12 }),
    )
    .map(([message, $unknowns, left]) => {
      // Else every document had half of all fields, and none was small.
      const kept = Object.entries(message).filter(([key]) => left.includes(key));
      return {
        ...Object.fromEntries(onlyOneOf(kept, fields)),
        ...($unknowns.length > 0 ? { $unknowns } : {}),
      };
    });
}

/** The last one that is written is the one that counts. */
function onlyOneOf(entries: [string, unknown][], fields: readonly Field[]): [string, unknown][] {
  const oneof = (property: string): string | undefined =>
    fields.find((field) => field.property === property)?.oneof;
  const isLast = (property: string): boolean =>
    entries.findLast(([other]) => oneof(other) === oneof(property))?.[0] === property;
  return entries.filter(([property]) => oneof(property) === undefined || isLast(property));
}

function anyField(field: Field): fc.Arbitrary<unknown> {
  if (field.count === "map") return fc.dictionary(anyText, anyText, { maxKeys: 3 });
  return field.count === "list" ? fc.array(anyValue(field), { maxLength: 3 }) : anyValue(field);
}

function anyValue({ type, of }: Field): fc.Arbitrary<unknown> {
  const safe = Number.MAX_SAFE_INTEGER;
  switch (type) {
    case "string":
      return anyText;
    case "bytes":
      return fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        anyText.map((text) => Buffer.from(text)),
      );
    case "bool":
      return fc.boolean();
    case "uint32":
      return fc.integer({ min: 0, max: 0xffff_ffff });
    case "sint32":
      return fc.integer();
    case "uint64":
      return fc.integer({ min: 0, max: safe });
    case "sint64":
      return fc.integer({ min: -safe, max: safe });
    case "enum":
      return fc.oneof(fc.nat(6), fc.integer());
    default:
      return anyMessage(of ?? "");
  }
}
