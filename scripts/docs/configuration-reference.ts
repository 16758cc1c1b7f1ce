import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Field } from "../../src/protocol/configuration/json/schema.ts";
import { isSecret } from "../../src/protocol/configuration/json/secrets.ts";
import { configSchema } from "../../src/protocol/generated/config-schema.js";

const root = join(import.meta.dirname, "../..");

/** The document that the reference shows; a test runs `vch config` on it. */
export const EXAMPLE_FILE = join(root, "docs/reference/configuration/example.json");

/** The text of docs/reference/configuration.md: its introduction, and every field with proto/config.proto's comment. */
export function configurationReference(): string {
  const introduction = readFileSync(join(root, "docs/reference/configuration/introduction.md"), "utf8");
  return [
    introduction.replace("EXAMPLE", readFileSync(EXAMPLE_FILE, "utf8").trim()),
    ...Object.entries(configSchema.messages).flatMap(([name, { comment, fields }]) => [
      `### ${name}`,
      "",
      ...(comment === "" ? [] : [oneLine(comment), ""]),
      "| field | type | |",
      "|---|---|---|",
      ...fields.map((field) => rowOf(name, field)),
      "",
    ]),
  ].join("\n");
}

function rowOf(message: string, field: Field): string {
  const secret = isSecret(`${message}.${field.name}`) ? "**Secret.** " : "";
  return `| \`${field.name}\` | ${typeOf(field)} | ${secret}${describe(field)} |`;
}

function typeOf({ type, of, count }: Field): string {
  const names: Readonly<Record<string, string>> = { string: "text", bool: "true or false" };
  const one =
    type === "message" ? `[${of}](#${of?.toLowerCase()})` : type === "enum" ? "name" : (names[type] ?? type);
  if (count === "map") return "object of texts";
  return count === "list" ? `list of ${one}` : one;
}

function describe({ type, of, comment, oneof }: Field): string {
  const { numbers = {}, comments = {} } = configSchema.enumerations[type === "enum" ? (of ?? "") : ""] ?? {};
  const values = Object.keys(numbers).map((name) => {
    const meaning = comments[name] ? `: ${oneLine(comments[name])}` : "";
    return `\`${name}\`${meaning}`;
  });
  const choice = oneof === undefined ? "" : `One \`${oneof}\` is needed. `;
  return [choice + oneLine(comment), values.join("<br>")].filter((part) => part !== "").join("<br>");
}

/** For a cell of a table. */
function oneLine(text: string): string {
  return text.replaceAll("\n", " ").replaceAll("|", "\\|").trim();
}
