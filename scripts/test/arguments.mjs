/** What can be run, in this order. */
const KINDS = /** @type {const} */ (["check", "unit", "vm", "docker"]);

/** @typedef {typeof KINDS[number]} TestKind */

/**
 * What to run. `--check`, `--unit`, `--vm` and `--docker` choose; without any of them all run. Every other word is for mocha.
 *
 * @param {readonly string[]} words
 * @returns {{ verbose: boolean, kinds: Set<TestKind>, passedOn: string[], until: string | undefined }}
 */
export function parseTestArguments(words) {
  /** @type {Set<TestKind>} */
  const chosen = new Set();
  /** @type {string[]} */
  const passedOn = [];
  let verbose = false;
  for (const word of words) {
    const kind = KINDS.find((name) => word === `--${name}`);
    if (word === "-v" || word === "--verbose") verbose = true;
    else if (kind !== undefined) chosen.add(kind);
    else passedOn.push(word);
  }
  const kinds = chosen.size > 0 ? chosen : new Set(KINDS);
  return { verbose, kinds, passedOn, until: lastStepFor(kinds) };
}

/**
 * The last step of the set-up that these tests need: someone who changes a line of the host does not wait for
 * a boot medium to see the unit tests.
 *
 * @param {ReadonlySet<TestKind>} kinds
 */
function lastStepFor(kinds) {
  if (kinds.has("vm") || kinds.has("docker")) return undefined;
  return kinds.has("unit") ? "native" : "protocol";
}
