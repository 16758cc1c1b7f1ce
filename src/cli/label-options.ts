import { TetherError } from "../protocol/errors/index.ts";

/**
 * Options of the form `NAME=VALUE`; a name alone has an empty value.
 *
 * @throws TetherError `invalid-option` for one without a name.
 */
export function collectPairs(option: string, pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      const name = at < 0 ? pair : pair.slice(0, at);
      if (name === "")
        throw new TetherError("invalid-option", `invalid argument "${pair}" for --${option}: it has no name`);
      return [name, at < 0 ? "" : pair.slice(at + 1)];
    }),
  );
}
