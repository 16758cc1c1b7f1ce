/** The image that `build-demo-image.ts` makes, as `vch` names it. */
const demoImage = "oci:build/demo-image:latest";

/**
 * Takes our own options from the front: `-v`, `--verbose`, and `--` which ends them. All from the first other
 * word on is the command, whatever it looks like.
 *
 * @param {readonly string[]} words
 * @returns {{ verbose: boolean, command: string[], problem?: string }}
 */
export function parseStartArguments(words) {
  let verbose = false;
  for (const [index, word] of words.entries()) {
    if (word === "-v" || word === "--verbose") verbose = true;
    else if (word === "--") return { verbose, command: words.slice(index + 1) };
    else if (!word.startsWith("-")) return { verbose, command: words.slice(index) };
    else
      return {
        verbose,
        command: [],
        problem: `unknown option ${word} (only -v; bin/vch run has the others)`,
      };
  }
  return { verbose, command: [] };
}

/**
 * The arguments for `vch` that run the demo image: a login shell when somebody sits at a terminal and named no
 * command; without a terminal the image's own command.
 *
 * @param {readonly string[]} command
 * @param {{ hasTerminal: boolean }} options of both standard input and standard output
 * @returns {string[]}
 */
export function runArguments(command, { hasTerminal }) {
  const shell = hasTerminal && command.length === 0 ? ["/bin/sh", "-l"] : command;
  return ["run", "--rm", "-i", ...(hasTerminal ? ["-t"] : []), demoImage, ...shell];
}
