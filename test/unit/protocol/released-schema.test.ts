import { deepEqual, equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import protobuf from "protobufjs";

const folder = join(import.meta.dirname, "../../../proto");

/** What readers of a schema rely on: `Sample.delta` = `4 bool`. */
function fieldsOf(source: string): Map<string, string> {
  const root = new protobuf.Root();
  protobuf.parse(source, root, { keepCase: true });
  root.resolveAll();
  const fields = new Map<string, string>();
  const add = (object: protobuf.ReflectionObject): void => {
    if (object instanceof protobuf.Enum)
      for (const [name, number] of Object.entries(object.values))
        fields.set(`${object.name}.${name}`, String(number));
    if (object instanceof protobuf.Type)
      for (const field of object.fieldsArray)
        fields.set(
          `${object.name}.${field.name}`,
          `${field.id} ${field.repeated ? "repeated " : ""}${field.resolvedType?.name ?? field.type}`,
        );
    if (object instanceof protobuf.Namespace) for (const nested of object.nestedArray) add(nested);
  };
  add(root);
  return fields;
}

/** The released fields that are not what they were. */
function changesSince(released: string, present: string): string[] {
  const now = fieldsOf(present);
  return [...fieldsOf(released)]
    .filter(([name, meaning]) => now.get(name) !== meaning)
    .map(([name, meaning]) => `${name}: ${meaning}, now ${now.get(name) ?? "gone"}`);
}

// Whoever adds a field adds it to the released file with the release that has it, and changes nothing else there.
describe("proto/stats.proto", () => {
  const released = readFileSync(join(folder, "released/stats.proto"), "utf8");
  const present = readFileSync(join(folder, "stats.proto"), "utf8");

  it("has every field that was released, with its number and type", () => {
    equal(fieldsOf(released).size > 150, true);
    deepEqual(changesSince(released, present), []);
  });

  for (const [what, from, to] of [
    ["another number", "sint64 usage_us = 1;", "sint64 usage_us = 21;"],
    ["another type", "optional sint64 usage_us = 1;", "optional uint64 usage_us = 1;"],
    ["another name", "sint64 usage_us = 1;", "sint64 used_us = 1;"],
    ["another number of a group", "NETWORK = 9;", "NETWORK = 19;"],
    ["a list of it", "  Pressure cpu = 1;", "  repeated Pressure cpu = 1;"],
  ] as const) {
    it(`would show ${what}`, () => equal(changesSince(present, present.replace(from, to)).length, 1));
  }
});
