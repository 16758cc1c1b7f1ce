import { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";
import { checkAbsolutePath, checkPath } from "./paths.ts";
import { bounded, checkEnum, checkText, quote, Seen } from "./text.ts";
import { checkCycles, type PlacedVolume } from "./volume-cycles.ts";
import { checkSource, isMemory, sourcesOf } from "./volume-sources.ts";

const { Propagation } = tether.config.Volume;

const MOST_VOLUMES = 128;
const MOST_OPTIONS = 16;

/** An hour is more than any start should wait. */
const LONGEST_TIMEOUT_MS = 3_600_000;

/** mount(8), "filesystem-independent mount options"; of each pair only one. */
const OPTIONS = new Set(["nosuid", "nodev", "noexec", "noatime", "relatime", "sync", "dirsync"]);

/** The folders that the agent fills itself, each time: a volume there would hide what programs rely on. */
const OWN_FOLDERS: Readonly<Record<string, string>> = {
  proc: "the kernel's view of processes, which Docker refuses as well",
  sys: "the kernel's view of devices",
  dev: "the container's devices; shm_bytes says how large /dev/shm is",
};

/** The messages Volume. */
export function checkVolumes(volumes: readonly tether.config.Volume.$Properties[], problems: Problems): void {
  const names = new Seen<string>();
  const targets = new Seen<string>();
  const placed: PlacedVolume[] = [];
  for (const [index, volume] of bounded(volumes, MOST_VOLUMES, problems).entries()) {
    const at = problems.at(index);
    checkName(volume.name ?? "", at.at("name"));
    names.check(volume.name ?? "", `volumes[${index}].name`, at.at("name"));
    const target = checkTarget(volume.target ?? new Uint8Array(), at.at("target"));
    if (target !== undefined) targets.check(target.join("/"), `volumes[${index}].target`, at.at("target"));
    const subPath = checkSubPath(volume, at.at("sub_path"));
    checkMounting(volume, at);
    checkSource(volume, at);
    if (target !== undefined && subPath !== undefined) placed.push({ index, volume, target, subPath });
  }
  checkCycles(placed, problems);
}

function checkName(name: string, problems: Problems): void {
  if (name === "") problems.add("is empty");
  else checkText(name, problems);
}

function checkTarget(target: Uint8Array, problems: Problems): readonly string[] | undefined {
  const words = checkAbsolutePath(target, problems);
  if (words === undefined) return undefined;
  const [first] = words;
  if (first === undefined) {
    problems.add("is /, which is the container's own disk");
    return undefined;
  }
  const reason = Object.hasOwn(OWN_FOLDERS, first) ? OWN_FOLDERS[first] : undefined;
  if (reason !== undefined) problems.add(`is in /${first}: ${reason}`);
  return words;
}

/** Relative, as Docker's volume-subpath is. What is made empty at each start has no parts yet. */
function checkSubPath(
  volume: tether.config.Volume.$Properties,
  problems: Problems,
): readonly string[] | undefined {
  const path = volume.subPath ?? new Uint8Array();
  if (path.length === 0) return [];
  if (isMemory(volume)) problems.add("is given, but what is in memory has no parts");
  if (path[0] === SLASH) problems.add(`${quote(Buffer.from(path).toString())} is not relative`);
  return checkPath(path, problems);
}

function checkMounting(volume: tether.config.Volume.$Properties, problems: Problems): void {
  checkEnum(volume.propagation, Propagation, problems.at("propagation"));
  const options = problems.at("options");
  const seen = new Seen<string>();
  for (const [index, option] of bounded(volume.options, MOST_OPTIONS, options).entries()) {
    if (!OPTIONS.has(option)) options.at(index).add(`${quote(option)} is no mount option`);
    // noatime and relatime exclude each other.
    seen.check(
      option === "relatime" ? "noatime" : option,
      `options[${index}], or excludes it`,
      options.at(index),
    );
  }
  const timeout = problems.at("timeout_ms");
  if ((volume.timeoutMs ?? 0) > LONGEST_TIMEOUT_MS) timeout.add(`is longer than ${LONGEST_TIMEOUT_MS}`);
  else if (volume.timeoutMs && isMemory(volume))
    timeout.add("is given, but what is in memory is not waited for");
  if (volume.populate && sourcesOf(volume).includes("file"))
    problems.at("populate").add("is set, but a file has its content");
}

const SLASH = 0x2f;
