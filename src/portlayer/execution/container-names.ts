import { randomInt } from "node:crypto";
import { TetherError } from "../../protocol/errors/index.ts";

/** Docker's rule (moby, daemon/names/names.go). */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Whether a container can have this name. */
export function isContainerName(name: string): boolean {
  return NAME.test(name);
}

/** @throws TetherError `invalid-option` in Docker's words. */
export function checkContainerName(name: string): void {
  if (isContainerName(name)) return;
  throw new TetherError(
    "invalid-option",
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
}

const QUALITIES = [
  "agile",
  "amber",
  "brave",
  "bright",
  "calm",
  "clear",
  "clever",
  "crisp",
  "deep",
  "eager",
  "early",
  "fair",
  "fleet",
  "fresh",
  "gentle",
  "glad",
  "golden",
  "grand",
  "green",
  "happy",
  "keen",
  "kind",
  "lively",
  "lucid",
  "mellow",
  "merry",
  "nimble",
  "noble",
  "patient",
  "plain",
  "polite",
  "prompt",
  "proud",
  "quick",
  "quiet",
  "rapid",
  "ready",
  "sharp",
  "silent",
  "silver",
  "smooth",
  "solid",
  "steady",
  "still",
  "swift",
  "tidy",
  "true",
  "vivid",
  "warm",
  "wise",
] as const;

const BOATS = [
  "barge",
  "barque",
  "brig",
  "canoe",
  "caravel",
  "catboat",
  "clipper",
  "coble",
  "cog",
  "coracle",
  "corvette",
  "currach",
  "cutter",
  "dhow",
  "dinghy",
  "dory",
  "felucca",
  "ferry",
  "frigate",
  "galleon",
  "galley",
  "gig",
  "hoy",
  "jolly",
  "junk",
  "kayak",
  "keelboat",
  "ketch",
  "launch",
  "lugger",
  "packet",
  "pinnace",
  "pontoon",
  "pram",
  "punt",
  "raft",
  "sampan",
  "schooner",
  "scow",
  "shallop",
  "skiff",
  "sloop",
  "smack",
  "tender",
  "trawler",
  "trimaran",
  "tug",
  "wherry",
  "xebec",
  "yawl",
] as const;

/** A name for a container that was given none: two words, as Docker makes them. */
export function makeContainerName(): string {
  const pick = (words: readonly string[]): string => words[randomInt(words.length)] ?? "";
  return `${pick(QUALITIES)}_${pick(BOATS)}`;
}
