import { randomBytes } from "node:crypto";
import { TetherError } from "../../../protocol/errors/index.ts";
import { type MountSettings, PROPAGATIONS, type VolumeMount } from "./mount-settings.ts";
import { cleanTarget, wordsOfMount, wordsOfVolume } from "./mount-words.ts";
import { isHostPath, parseBind } from "./parse-bind.ts";
import { parseMountOption } from "./parse-mount-option.ts";
import { parseTmpfs } from "./parse-tmpfs.ts";
import { checkVolumeName } from "./volume-store.ts";

/** Docker's options of a container's mounts, as they were written. */
export interface MountWords {
  /** `-v`. */
  readonly volumes: readonly string[];
  /** `--mount`. */
  readonly mounts: readonly string[];
  /** `--tmpfs`. */
  readonly tmpfs: readonly string[];
}

/** A volume that was asked for without a name. */
const ANONYMOUS = "";

/**
 * Docker's options as settings; volumes without a name have none yet ({@link mergeMounts}).
 *
 * @param parseSize reads `64m`.
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseMounts(words: MountWords, parseSize: (text: string) => number): MountSettings[] {
  const mounts = [
    ...words.volumes.map(parseVolume),
    ...words.mounts.map((text) => parseMountOption(text, parseSize)),
    ...words.tmpfs.map((text) => parseTmpfs(text, parseSize)),
  ];
  const targets = mounts.map(({ target }) => target);
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice !== undefined) throw new TetherError("invalid-option", `Duplicate mount point: ${twice}`);
  return mounts;
}

/**
 * Adds what the image declares (VOLUME) where nothing else is mounted, and gives names to volumes that have none.
 *
 * @param declared the image's paths.
 */
export function mergeMounts(mounts: readonly MountSettings[], declared: readonly string[]): MountSettings[] {
  const taken = new Set(mounts.map(({ target }) => target));
  const added = declared
    .map((path) => cleanTarget(path, wordsOfMount("volume")))
    .filter((target) => !taken.has(target))
    .map((target) => ({ ...VOLUME, target }));
  return [...mounts, ...added].map((mount) =>
    mount.kind === "volume" && mount.name === ANONYMOUS
      ? { ...mount, name: randomBytes(32).toString("hex"), isAnonymous: true }
      : mount,
  );
}

/** A volume as it is unless something else is said. */
export const VOLUME: Omit<VolumeMount, "target"> = {
  kind: "volume",
  name: ANONYMOUS,
  isAnonymous: false,
  isReadOnly: false,
  isPopulated: true,
  subPath: "",
  propagation: "rprivate",
};

/** `[NAME:]TARGET[:OPTIONS]`. */
function parseVolume(text: string): MountSettings {
  const parts = text.split(":");
  const [first = "", second, options = ""] = parts;
  if (parts.length > 3 || first === "" || second === "" || (parts.length === 3 && options === ""))
    throw new TetherError("invalid-option", `invalid volume specification: '${text}'`);
  if (second === undefined) return { ...VOLUME, target: cleanTarget(first, wordsOfVolume(text, "volume")) };
  if (isHostPath(first)) return parseBind(first, second, options, text);
  checkVolumeName(first);
  const mount = { ...VOLUME, name: first, target: cleanTarget(second, wordsOfVolume(text, "volume")) };
  return options === "" ? mount : options.split(",").reduce<VolumeMount>(applyOption, mount);
}

function applyOption(mount: VolumeMount, word: string): VolumeMount {
  const propagation = PROPAGATIONS.find((each) => each === word);
  if (propagation !== undefined) return { ...mount, propagation };
  switch (word) {
    case "ro":
      return { ...mount, isReadOnly: true };
    case "rw":
      return mount;
    case "nocopy":
      return { ...mount, isPopulated: false };
    default:
      throw new TetherError("invalid-option", `invalid mode: ${word}`);
  }
}
