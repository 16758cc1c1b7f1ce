/** @typedef {"check" | "unit" | "vm"} TestKind */

/**
 * What to run. `--check`, `--unit` and `--vm` choose; without any of them all run. Every other word is for mocha.
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
    if (word === "-v" || word === "--verbose") verbose = true;
    else if (word === "--check" || word === "--unit" || word === "--vm") chosen.add(kindOf(word));
    else passedOn.push(word);
  }
  const kinds = chosen.size > 0 ? chosen : new Set(/** @type {const} */ (["check", "unit", "vm"]));
  return { verbose, kinds, passedOn, until: lastStepFor(kinds) };
}

/** @param {"--check" | "--unit" | "--vm"} word */
function kindOf(word) {
  return /** @type {TestKind} */ (word.slice(2));
}

/**
 * The last step of the set-up that these tests need: someone who changes a line of the host does not wait for
 * a boot medium to see the unit tests.
 *
 * @param {ReadonlySet<TestKind>} kinds
 */
function lastStepFor(kinds) {
  if (kinds.has("vm")) return undefined;
  return kinds.has("unit") ? "native" : "protocol";
}
