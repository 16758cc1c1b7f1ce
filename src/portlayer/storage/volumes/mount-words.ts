import { TetherError } from "../../../protocol/errors/index.ts";

/** The folders that the agent fills itself. */
const OWN_FOLDERS = ["/proc", "/sys", "/dev"] as const;

/**
 * A path in the container where something is mounted, as Docker cleans it: by the text alone.
 *
 * @param where what the user wrote and what it was taken for, for the error ({@link wordsOfVolume}, {@link wordsOfMount}).
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function cleanTarget(path: string, where: string): string {
  if (!path.startsWith("/"))
    throw new TetherError(
      "invalid-option",
      `${where}: invalid mount path: '${path}' mount path must be absolute`,
    );
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  if (names.length === 0)
    throw new TetherError("invalid-option", `${where}: invalid specification: destination can't be '/'`);
  const target = `/${names.join("/")}`;
  const own = OWN_FOLDERS.find((folder) => target === folder || target.startsWith(`${folder}/`));
  if (own !== undefined)
    throw new TetherError(
      "invalid-option",
      `${where}: nothing can be mounted in ${own}, which the container VM fills`,
    );
  return target;
}

/** Docker's words before what is wrong with `-v TEXT`. */
export function wordsOfVolume(text: string, type: "volume" | "bind"): string {
  return `invalid volume specification: '${text}': ${wordsOfMount(type)}`;
}

/** Docker's words before what is wrong with `--mount`, or with what an image declares. */
export function wordsOfMount(type: string): string {
  return `invalid mount config for type "${type}"`;
}
