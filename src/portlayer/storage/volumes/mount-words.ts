import { TetherError } from "../../../protocol/errors/index.ts";

/** The folders that the agent fills itself. */
const OWN_FOLDERS = ["/proc", "/sys", "/dev"] as const;

/**
 * A path in the container where something is mounted, as Docker cleans it: by the text alone.
 *
 * @param words what the user wrote, for the error.
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function cleanTarget(path: string, words: string): string {
  if (!path.startsWith("/"))
    throw new TetherError(
      "invalid-option",
      `invalid volume specification: '${words}': invalid mount path: '${path}' mount path must be absolute`,
    );
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  if (names.length === 0)
    throw new TetherError("invalid-option", "invalid specification: destination can't be '/'");
  const target = `/${names.join("/")}`;
  const own = OWN_FOLDERS.find((folder) => target === folder || target.startsWith(`${folder}/`));
  if (own !== undefined)
    throw new TetherError(
      "invalid-option",
      `${words}: nothing can be mounted in ${own}, which the container VM fills`,
    );
  return target;
}

/** A folder of this machine's: its kernel in the container VM would need 9p, or this machine virtiofs. */
export function refuseHostFolder(words: string): TetherError {
  return new TetherError(
    "invalid-option",
    `${words}: folders of this machine cannot be mounted, since the container VM's kernel has no 9p: use a volume, and vch cp`,
  );
}
