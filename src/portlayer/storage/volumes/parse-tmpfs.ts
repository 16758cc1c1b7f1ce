import { TetherError } from "../../../protocol/errors/index.ts";
import type { TmpfsMount } from "./mount-settings.ts";
import { cleanTarget } from "./mount-words.ts";

/** A tmpfs as Docker mounts it unless something else is said. */
export const TMPFS: Omit<TmpfsMount, "target"> = {
  kind: "tmpfs",
  isReadOnly: false,
  sizeBytes: 0,
  mode: 0,
  uid: 0,
  gid: 0,
  options: ["nosuid", "nodev", "noexec"],
};

/** What takes one of the three away. */
const OPPOSITES: Readonly<Record<string, string>> = { exec: "noexec", suid: "nosuid", dev: "nodev" };

/**
 * `--tmpfs TARGET[:OPTIONS]`, with the options of mount(8) for a tmpfs.
 *
 * @throws TetherError `invalid-option`.
 */
export function parseTmpfs(text: string, parseSize: (text: string) => number): TmpfsMount {
  const at = text.indexOf(":");
  const target = cleanTarget(at < 0 ? text : text.slice(0, at), text);
  const words = at < 0 ? "" : text.slice(at + 1);
  const given = at < 0 ? [] : words.split(",");
  return given.reduce<TmpfsMount>((mount, word) => apply(mount, word, parseSize), {
    ...TMPFS,
    target,
    words,
  });
}

function apply(mount: TmpfsMount, word: string, parseSize: (text: string) => number): TmpfsMount {
  const [name = "", value] = word.split("=");
  const opposite = OPPOSITES[word];
  if (opposite !== undefined) return { ...mount, options: mount.options.filter((each) => each !== opposite) };
  if (TMPFS.options.includes(word)) return { ...mount, options: [...new Set([...mount.options, word])] };
  if (word === "ro") return { ...mount, isReadOnly: true };
  if (word === "rw") return mount;
  if (name === "size" && value !== undefined) return { ...mount, sizeBytes: parseSize(value) };
  if (name === "mode" && value !== undefined) return { ...mount, mode: parseMode(value) };
  if ((name === "uid" || name === "gid") && /^\d{1,9}$/.test(value ?? ""))
    return { ...mount, [name]: Number(value) };
  throw new TetherError("invalid-option", `invalid tmpfs option ${JSON.stringify([word])}`);
}

/** @throws TetherError `invalid-option`. */
export function parseMode(text: string): number {
  if (/^[0-7]{1,5}$/.test(text) && Number.parseInt(text, 8) <= 0o7777) return Number.parseInt(text, 8);
  throw new TetherError("invalid-option", `invalid value for mode: ${text}`);
}
