import { TetherError } from "../../../protocol/errors/index.ts";
import { type MountSettings, PROPAGATIONS } from "./mount-settings.ts";
import { cleanTarget, wordsOfMount } from "./mount-words.ts";
import { bindOf } from "./parse-bind.ts";
import { VOLUME } from "./parse-mounts.ts";
import { parseMode, TMPFS } from "./parse-tmpfs.ts";
import { checkVolumeName } from "./volume-store.ts";

/** What keys mean the same. */
const ALIASES: Readonly<Record<string, string>> = {
  source: "src",
  destination: "target",
  dst: "target",
  ro: "readonly",
};

/** The keys that only mounts of one type have. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  volume: ["type", "src", "target", "readonly", "volume-nocopy", "volume-subpath", "bind-propagation"],
  tmpfs: ["type", "target", "readonly", "tmpfs-size", "tmpfs-mode"],
  bind: [
    ...["type", "src", "target", "readonly", "consistency"],
    ...["bind-propagation", "bind-nonrecursive", "bind-recursive"],
  ],
};

/**
 * Docker's `--mount KEY=VALUE,…`.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseMountOption(text: string, parseSize: (text: string) => number): MountSettings {
  const fields = readFields(text);
  const type = (fields.get("type") ?? "volume").toLowerCase();
  const keys = KEYS[type];
  if (keys === undefined)
    throw new TetherError("invalid-option", `invalid mount config for type "${type}": mount type unknown`);
  for (const [key, value] of fields) if (!keys.includes(key)) throw unexpected(key, value, type);
  const given = fields.get("target") ?? "";
  if (given === "") throw new TetherError("invalid-option", "target is required");
  const target = cleanTarget(given, wordsOfMount(type));
  const isReadOnly = readFlag(fields, "readonly");
  if (type === "bind")
    return bindOf({
      ...{ source: fields.get("src") ?? "", target, isReadOnly },
      propagation: fields.get("bind-propagation"),
      isNonRecursive: readFlag(fields, "bind-nonrecursive"),
      recursion: fields.get("bind-recursive"),
    });
  if (type === "tmpfs") {
    const size = fields.get("tmpfs-size");
    const mode = fields.get("tmpfs-mode");
    return {
      ...{ ...TMPFS, target, isReadOnly },
      sizeBytes: size === undefined ? 0 : parseSize(size),
      mode: mode === undefined ? 0 : parseMode(mode),
    };
  }
  const name = fields.get("src") ?? "";
  if (name !== "") checkVolumeName(name);
  const subPath = fields.get("volume-subpath") ?? "";
  checkSubPath(subPath);
  const isPopulated = !readFlag(fields, "volume-nocopy");
  return { ...VOLUME, name, target, isReadOnly, isPopulated, subPath, propagation: readPropagation(fields) };
}

/** Keys that need no value. */
const FLAGS = ["readonly", "volume-nocopy", "bind-nonrecursive"];

function readFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const field of text.split(",")) {
    const at = field.indexOf("=");
    const word = (at < 0 ? field : field.slice(0, at)).trim().toLowerCase();
    const key = ALIASES[word] ?? word;
    if (at < 0 && !FLAGS.includes(key))
      throw new TetherError("invalid-option", `invalid field '${field}' must be a key=value pair`);
    fields.set(key, at < 0 ? "true" : field.slice(at + 1));
  }
  return fields;
}

function unexpected(key: string, value: string, type: string): TetherError {
  const [owner = ""] = key.split("-");
  const isOthers = Object.hasOwn(KEYS, owner) && key.includes("-");
  return new TetherError(
    "invalid-option",
    isOthers
      ? `cannot mix '${owner}-*' options with mount type '${type}'`
      : `unexpected key '${key}' in '${key}=${value}'`,
  );
}

/** Go's strconv.ParseBool. */
function readFlag(fields: ReadonlyMap<string, string>, key: string): boolean {
  const value = fields.get(key);
  if (value === undefined) return false;
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new TetherError("invalid-option", `invalid value for ${key}: ${value}`);
}

function readPropagation(fields: ReadonlyMap<string, string>): (typeof PROPAGATIONS)[number] {
  const value = fields.get("bind-propagation") ?? VOLUME.propagation;
  const known = PROPAGATIONS.find((each) => each === value);
  if (known !== undefined) return known;
  throw new TetherError("invalid-option", `invalid propagation: ${value}`);
}

function checkSubPath(path: string): void {
  if (path.startsWith("/"))
    throw new TetherError("invalid-option", "subpath must be a relative path within the volume");
  if (path.split("/").includes(".."))
    throw new TetherError("invalid-option", "subpath must be a relative path within the volume");
}
