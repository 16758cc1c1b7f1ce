import { TetherError } from "../protocol/errors/index.ts";

/**
 * Fills in the part of Go's templates that `--format` is used with: `{{.Path.To.Field}}`, `{{json .Path}}`,
 * `{{index .Path "key"}}`, `{{len .Path}}`, text around them. `\t` and `\n` are a tab and a new line.
 *
 * @throws TetherError `invalid-option` for what it does not know, and for fields that are not there.
 */
export function fillTemplate(template: string, value: unknown): string {
  const text = template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  return text.replaceAll(/\{\{-?(.*?)-?\}\}/gs, (_match, action: string) => evaluate(action.trim(), value));
}

function evaluate(action: string, value: unknown): string {
  const path = /^\.[\w.]*$/.exec(action);
  if (path !== null) return show(follow(action, value));
  const call = /^(json|len|lower|upper|index)\s+(\.[\w.]*)(?:\s+"([^"]*)")?$/.exec(action);
  if (call === null)
    throw new TetherError(
      "invalid-option",
      `template parsing error: {{${action}}} is more than vch knows of templates`,
    );
  const target = follow(call[2] ?? ".", value);
  switch (call[1]) {
    case "json":
      return JSON.stringify(target ?? null);
    case "len":
      return String(
        Array.isArray(target) || typeof target === "string"
          ? target.length
          : Object.keys(asObject(target)).length,
      );
    case "lower":
      return show(target).toLowerCase();
    case "upper":
      return show(target).toUpperCase();
    default:
      return show(asObject(target)[call[3] ?? ""] ?? "");
  }
}

function follow(path: string, value: unknown): unknown {
  let target = value;
  for (const name of path.split(".").filter((each) => each !== "")) {
    const object = asObject(target);
    if (!Object.hasOwn(object, name))
      throw new TetherError(
        "invalid-option",
        `template: :1: executing "" at <${path}>: map has no entry for key "${name}"`,
      );
    target = object[name];
  }
  return target;
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // Any object of a parsed document has words as its keys.
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** As Go prints it. */
function show(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value !== "object") return `${value as string | number | boolean}`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([name, each]) => `${name}:${show(each)}`).join(" ")}]`;
}
