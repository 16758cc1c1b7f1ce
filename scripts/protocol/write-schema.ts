import { readFileSync, writeFileSync } from "node:fs";
import protobuf from "protobufjs";
import type { Enumeration, Field, Message, Schema } from "../../src/protocol/configuration/json/schema.ts";

/** The types that proto/config.proto uses; whoever adds another one teaches the JSON form to write it. */
const SCALARS = new Set(["string", "bytes", "bool", "uint32", "uint64", "sint32", "sint64"]);

/**
 * Writes what a proto file says as data, with its comments: the static modules know no names.
 *
 * @param output without its ending: the code gets `.js`, its types `.d.ts`.
 */
export function writeSchema(protoFile: string, namespace: string, output: string): void {
  const root = new protobuf.Root();
  const options = { keepCase: true, alternateCommentMode: true };
  protobuf.parse(readFileSync(protoFile, "utf8"), root, options);
  root.resolveAll();
  const schema = schemaOf(root.lookup(namespace));
  writeFileSync(`${output}.js`, `export const configSchema = ${JSON.stringify(schema, undefined, 1)};\n`);
  writeFileSync(
    `${output}.d.ts`,
    'import type { Schema } from "../configuration/json/schema.ts";\nexport declare const configSchema: Schema;\n',
  );
}

function schemaOf(namespace: protobuf.ReflectionObject | null): Schema {
  const messages: Record<string, Message> = {};
  const enumerations: Record<string, Enumeration> = {};
  const add = (object: protobuf.ReflectionObject, prefix: string): void => {
    const name = prefix + object.name;
    if (object instanceof protobuf.Type) {
      messages[name] = { comment: object.comment ?? "", fields: object.fieldsArray.map(fieldOf) };
      for (const nested of object.nestedArray) add(nested, `${name}.`);
    } else if (object instanceof protobuf.Enum) {
      const comments = Object.entries(object.comments).map(([key, text]) => [key, text ?? ""] as const);
      enumerations[name] = { numbers: { ...object.values }, comments: Object.fromEntries(comments) };
    }
  };
  if (!(namespace instanceof protobuf.Namespace)) throw new Error("the proto file has no such namespace");
  for (const object of namespace.nestedArray) add(object, "");
  return { messages, enumerations };
}

function fieldOf(field: protobuf.Field): Field {
  const { name, resolvedType } = field;
  const kind =
    resolvedType === null ? field.type : resolvedType instanceof protobuf.Enum ? "enum" : "message";
  const isTextMap =
    field instanceof protobuf.MapField && field.keyType === "string" && field.type === "string";
  if ((field.map && !isTextMap) || (resolvedType === null && !SCALARS.has(kind)))
    throw new Error(`the JSON form knows no fields like ${field.fullName}`);
  return {
    name,
    property: name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase()),
    id: field.id,
    type: kind as Field["type"],
    count: field.map ? "map" : field.repeated ? "list" : "one",
    comment: field.comment ?? "",
    // `.tether.config.Dynamic.Method`
    ...(resolvedType === null ? {} : { of: resolvedType.fullName.split(".").slice(3).join(".") }),
    ...(field.partOf === null ? {} : { oneof: field.partOf.name }),
  };
}
