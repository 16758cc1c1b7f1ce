import { tether } from "../../generated/config.js";
import { configSchema } from "../../generated/config-schema.js";
import type { Problem } from "../problems.ts";
import { Problems } from "../problems.ts";
import { readBytes, readNumber, readText } from "./scalars.ts";
import type { Field } from "./schema.ts";
import { isMasked, MASKED } from "./secrets.ts";
import { UNKNOWN_FIELDS } from "./to-json.ts";
import { readUnknown } from "./unknown-fields.ts";

/** A document that was written as JSON, and what of it is none. */
export interface ReadJson {
  readonly document: tether.config.Config;
  /** Empty where every field could be read; then the document is what was written, right or wrong. */
  readonly problems: readonly Problem[];
}

/** Reads what {@link documentToJson} writes. What cannot be read is left out of the document, and named. */
export function documentFromJson(json: unknown): ReadJson {
  const problems = new Problems();
  const properties = readMessage("Config", json, problems);
  return { document: tether.config.Config.create(properties), problems: problems.found };
}

function readMessage(name: string, json: unknown, problems: Problems): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  if (!isObject(json)) {
    problems.add(isMasked(json) ? MASKED : `is no object with the fields of ${name}`);
    return message;
  }
  const fields = new Map(fieldsOf(name).map((field) => [field.name, field]));
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    if (key === UNKNOWN_FIELDS) message["$unknowns"] = readUnknown(fieldsOf(name), value, problems.at(key));
    else if (field === undefined) atStrange(key, problems).add(`is no field of ${name}`);
    else message[field.property] = readField(field, value, problems.at(key));
  }
  return message;
}

function fieldsOf(name: string): readonly Field[] {
  return configSchema.messages[name]?.fields ?? [];
}

/** Whatever a key is, the path stays one. */
function atStrange(key: string, problems: Problems): Problems {
  return /^\w{1,60}$/.test(key) ? problems.at(key) : problems.atKey(key);
}

function readField(field: Field, json: unknown, problems: Problems): unknown {
  if (field.count === "map") return readMap(json, problems);
  if (field.count === "one") return readValue(field, json, problems);
  if (Array.isArray(json))
    return json
      .map((each, index) => readValue(field, each, problems.at(index)))
      .filter((each) => each !== undefined);
  problems.add("is no list");
  return undefined;
}

function readMap(json: unknown, problems: Problems): Record<string, string> {
  if (!isObject(json)) problems.add("is no object of texts");
  const entries = Object.entries(isObject(json) ? json : {}).flatMap(([key, value]) => {
    const at = problems.atKey(key);
    const [name, text] = [readText(key, at), readText(value, at)];
    return name === undefined || text === undefined ? [] : [[name, text] as const];
  });
  return Object.fromEntries(entries);
}

function readValue(field: Field, json: unknown, problems: Problems): unknown {
  if (isMasked(json)) return problems.add(MASKED);
  switch (field.type) {
    case "message":
      return readMessage(field.of ?? "", json, problems);
    case "enum":
      return readEnum(field.of ?? "", json, problems);
    case "string":
      return readText(json, problems);
    case "bytes":
      return readBytes(json, problems);
    case "bool":
      if (typeof json === "boolean") return json;
      return problems.add("is neither true nor false");
    default:
      return readNumber(field.type, json, problems);
  }
}

function readEnum(name: string, json: unknown, problems: Problems): number | undefined {
  const numbers = configSchema.enumerations[name]?.numbers ?? {};
  if (typeof json === "string" && Object.hasOwn(numbers, json)) return numbers[json];
  // One that only a newer host has a name for.
  if (typeof json === "number") return readNumber("int32", json, problems);
  problems.add(`is none of ${Object.keys(numbers).join(", ")}`);
  return undefined;
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json) && !isMasked(json);
}
