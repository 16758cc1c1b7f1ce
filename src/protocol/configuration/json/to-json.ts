import { TetherError } from "../../errors/index.ts";
import { configSchema } from "../../generated/config-schema.js";
import type { tether } from "../../generated/config.js";
import type { Field } from "./schema.ts";
import { isSecret, mask } from "./secrets.ts";

/** The key of the fields that proto/config.proto does not know: a newer host wrote them. */
export const UNKNOWN_FIELDS = "$unknown";

/** A document, or a part of it, as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface ShowOptions {
  /** Else something else stands in their place, which cannot be read back. */
  readonly showsSecrets: boolean;
}

/**
 * Writes a document as JSON: names and their order as in proto/config.proto, what is not set is left out.
 * Bytes are text where they are UTF-8, else `{"base64": "…"}`; enumerations are names where they have one. With its
 * secrets shown, the form is exact: what was read back is the same document.
 *
 * @throws TetherError `configuration-invalid` for a number that JavaScript does not hold exactly.
 */
export function documentToJson(document: tether.config.Config, options: ShowOptions): Json {
  return messageToJson("Config", document, options, "");
}

function messageToJson(name: string, message: object, options: ShowOptions, path: string): Json {
  const entries: [string, Json][] = [];
  for (const field of configSchema.messages[name]?.fields ?? []) {
    const value: unknown = Reflect.get(message, field.property);
    const at = path === "" ? field.name : `${path}.${field.name}`;
    if (!isDefault(field, value)) entries.push([field.name, valueToJson(name, field, value, options, at)]);
  }
  const unknown = unknownToJson(Reflect.get(message, "$unknowns"), options);
  if (unknown !== undefined) entries.push([UNKNOWN_FIELDS, unknown]);
  return Object.fromEntries(entries);
}

/** What protobuf does not write; an empty message, though, is something. */
function isDefault({ count }: Field, value: unknown): boolean {
  if (count === "map") return Object.keys(Object(value)).length === 0;
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return false;
}

function valueToJson(
  message: string,
  field: Field,
  value: unknown,
  options: ShowOptions,
  path: string,
): Json {
  const isHidden = isSecret(`${message}.${field.name}`) && !options.showsSecrets;
  const convert = (each: unknown, at: string): Json =>
    isHidden ? { ...mask(`${message}.${field.name}`, each) } : scalarToJson(field, each, options, at);
  if (field.count === "list" && Array.isArray(value))
    return value.map((each, index) => convert(each, `${path}[${index}]`));
  // Maps are of texts.
  if (field.count === "map") return Object.fromEntries(Object.entries({ ...Object(value) }));
  return convert(value, path);
}

function scalarToJson(field: Field, value: unknown, options: ShowOptions, path: string): Json {
  if (value instanceof Uint8Array) return bytesToJson(value);
  if (field.type === "message") return messageToJson(field.of ?? "", Object(value), options, path);
  if (typeof value === "number") {
    if (field.type === "enum") return enumToJson(field.of ?? "", value);
    if (!Number.isSafeInteger(value))
      throw new TetherError("configuration-invalid", `${path} is larger than 2^53 - 1`);
    return value;
  }
  return typeof value === "boolean" ? value : String(value);
}

function enumToJson(name: string, value: number): Json {
  const numbers = configSchema.enumerations[name]?.numbers ?? {};
  return Object.keys(numbers).find((key) => numbers[key] === value) ?? value;
}

function bytesToJson(bytes: Uint8Array): Json {
  const text = Buffer.from(bytes).toString();
  return Buffer.from(text).equals(bytes) ? text : { base64: Buffer.from(bytes).toString("base64") };
}

/** A newer host's secrets may be among them. */
function unknownToJson(pieces: unknown, { showsSecrets }: ShowOptions): Json | undefined {
  if (!Array.isArray(pieces) || pieces.length === 0) return undefined;
  if (!showsSecrets) return { masked: true };
  return Buffer.concat(pieces.filter((piece) => piece instanceof Uint8Array)).toString("base64");
}
