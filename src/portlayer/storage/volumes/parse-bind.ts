import { normalize, resolve } from "node:path";
import { TetherError } from "../../../protocol/errors/index.ts";
import { BIND_PROPAGATIONS, type BindMount } from "./mount-settings.ts";
import { cleanTarget, wordsOfMount, wordsOfVolume } from "./mount-words.ts";

/** A folder of this machine's as it is mounted unless something else is said. */
export const BIND: Omit<BindMount, "target" | "source"> = {
  kind: "bind",
  isReadOnly: false,
  mode: "",
  words: "",
  isMade: false,
  isRecursive: true,
  propagation: "rprivate",
};

/**
 * Labels of SELinux, which Debian does not have, and how old the Mac's files may be: Docker, too, does nothing for them
 * on such a machine.
 */
const WITHOUT_EFFECT = ["z", "Z", "consistent", "cached", "delegated"];

/** Whether Docker takes the first part of `-v` for a folder of the machine, and not for a volume's name. */
export function isHostPath(source: string): boolean {
  return source.startsWith("/") || source.startsWith(".");
}

/**
 * `-v SOURCE:TARGET[:MODE]`. A relative source is of the working directory, as for Docker's client.
 *
 * @param text all of it, for errors.
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseBind(source: string, target: string, mode: string, text: string): BindMount {
  const words = [source.startsWith(".") ? resolve(source) : source, target, ...(mode === "" ? [] : [mode])];
  const mount = {
    ...{ ...BIND, source: resolve(source), target: cleanTarget(target, wordsOfVolume(text, "bind")), mode },
    ...{ isMade: true, words: words.join(":") },
  };
  if (mode === "") return mount;
  return mode.split(",").reduce<BindMount>((soFar, word) => applyWord(soFar, word, text), mount);
}

function applyWord(mount: BindMount, word: string, text: string): BindMount {
  if (word === "ro") return { ...mount, isReadOnly: true };
  if (word === "rw" || WITHOUT_EFFECT.includes(word)) return mount;
  if (word === "nocopy")
    throw new TetherError(
      "invalid-option",
      `${wordsOfVolume(text, "bind")}: field VolumeOptions must not be specified`,
    );
  if (!PROPAGATION_WORDS.test(word)) throw new TetherError("invalid-option", `invalid mode: ${mount.mode}`);
  return { ...mount, propagation: bindPropagation(word) };
}

const PROPAGATION_WORDS = /^r?(?:private|shared|slave)$/;

/** @throws TetherError `invalid-option`. */
export function bindPropagation(word: string): BindMount["propagation"] {
  const known = BIND_PROPAGATIONS.find((each) => each === word);
  if (known !== undefined) return known;
  throw new TetherError(
    "invalid-option",
    PROPAGATION_WORDS.test(word)
      ? `${word}: what is mounted in a container VM cannot appear on this machine: use rslave for what is mounted here`
      : `invalid propagation: ${word}`,
  );
}

/** What `--mount type=bind` says beside its target. */
export interface BindFields {
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
  readonly propagation: string | undefined;
  readonly isNonRecursive: boolean;
  /** `bind-recursive`. */
  readonly recursion: string | undefined;
}

/**
 * `--mount type=bind,…`.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function bindOf(fields: BindFields): BindMount {
  const { source, target, isReadOnly, recursion } = fields;
  if (source === "") throw invalid("field Source must not be empty");
  const path =
    source === "." || source.startsWith("./") || source.startsWith("../") ? resolve(source) : source;
  if (!path.startsWith("/")) throw invalid(`invalid mount path: '${source}' mount path must be absolute`);
  const propagation = bindPropagation(fields.propagation ?? BIND.propagation);
  const isRecursive = !fields.isNonRecursive && isRecursion(recursion, { isReadOnly, propagation });
  return { ...BIND, source: cleanPath(path), target, isReadOnly, propagation, isRecursive };
}

/** Docker's: what is mounted below is left out, or is read-only with the rest (`writable`: it is not). */
function isRecursion(
  word: string | undefined,
  { isReadOnly, propagation }: Pick<BindMount, "isReadOnly" | "propagation">,
): boolean {
  switch (word) {
    case undefined:
    case "enabled":
      return true;
    case "disabled":
      return false;
    case "readonly":
      if (!isReadOnly)
        throw new TetherError(
          "invalid-option",
          "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
        );
      if (propagation !== "rprivate")
        throw new TetherError(
          "invalid-option",
          "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        );
      return true;
    default:
      throw new TetherError(
        "invalid-option",
        `invalid value for bind-recursive: ${word} (must be "enabled", "disabled", or "readonly")`,
      );
  }
}

function cleanPath(path: string): string {
  return normalize(path).replace(/(.)\/$/, "$1");
}

function invalid(reason: string): TetherError {
  return new TetherError("invalid-option", `${wordsOfMount("bind")}: ${reason}`);
}
