import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { missingCapabilities } from "./dockerd.ts";
import type { DockerPair, Side } from "./docker-pair.ts";

/** What both sides answered, by question. */
export type Answers = Readonly<Record<string, Readonly<Record<Side, string>>>>;

/**
 * Asks many questions, shell commands, in one container or exec of each side. An answer is what a command prints,
 * both outputs, and how it ends.
 *
 * @param words the command up to the shell, which follows.
 * @param run runs a command whose words are prefixed elsewhere; undefined: the command itself.
 */
export async function askBoth(
  pair: DockerPair,
  words: readonly string[],
  questions: Readonly<Record<string, string>>,
): Promise<Answers> {
  const mark = `--${randomBytes(8).toString("hex")}--`;
  const names = Object.keys(questions);
  const script = names.map((name) => `(\n${questions[name]}\n) 2>&1\necho "${mark}$?"`).join("\n");
  const said = await pair.both([...words, "sh", "-c", script]);
  const answer = (side: Side): string[] => {
    const { status, out, err } = said[side];
    assert.equal(status, 0, `${side} could not be asked: ${err}${out}`);
    const parts = normalise(out).split(new RegExp(`${mark}(\\d+)\n`));
    assert.equal(parts.length, 2 * names.length + 1, `${side} broke off: ${err}${out}`);
    return names.map((_, index) => `${parts[2 * index]}= ${parts[2 * index + 1]}`);
  };
  const [docker, vch] = [answer("docker"), answer("vch")];
  return Object.fromEntries(
    names.map((name, index) => [name, { docker: docker[index] ?? "", vch: vch[index] ?? "" }]),
  );
}

/** Leaves out what no two containers have in common: ids, numbers of pipes; and what this machine withholds. */
function normalise(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\b[0-9a-f]{12}\b/g, "ID")
    .replace(/(pipe|socket):\[\d+\]/g, "$1:[N]")
    .replace(
      /^(Cap(?:Prm|Eff|Bnd):\s*)([0-9a-f]{16})$/gm,
      (_, name: string, set: string) => name + withhold(set),
    );
}

function withhold(set: string): string {
  const withheld = missingCapabilities().length > 0 ? 1n << 24n : 0n;
  return (BigInt(`0x${set}`) & ~withheld).toString(16).padStart(16, "0");
}
