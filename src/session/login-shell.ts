/** What passwd(5) says an empty field stands for. */
const DEFAULT_SHELL = "/bin/sh";

/**
 * The user's shell.
 *
 * @param user name or number, with or without a group (`user[:group]`).
 * @param passwd content of the container's /etc/passwd; undefined when there is none.
 */
export function findLoginShell(user: string, passwd: string | undefined): string {
  const [name] = user.split(":");
  const entries = (passwd ?? "").split("\n").map((line) => line.trim().split(":"));
  const entry = entries.find(([entryName, , uid]) => entryName === name || uid === name);
  return entry?.[6] || DEFAULT_SHELL;
}
