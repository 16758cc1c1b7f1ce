import type { Problems } from "../problems.ts";
import { checkText, MOST_PATH_BYTES } from "./text.ts";

const MOST_SYSCTLS = 1024;

/** The map `sysctls`. Whether a parameter is there and takes the value, only the guest's kernel knows. */
export function checkSysctls(
  sysctls: Readonly<Record<string, string>> | null | undefined,
  problems: Problems,
): void {
  const entries = Object.entries(sysctls ?? {});
  if (entries.length > MOST_SYSCTLS)
    problems.add(`has ${entries.length} entries; the most are ${MOST_SYSCTLS}`);
  for (const [name, value] of entries.slice(0, MOST_SYSCTLS)) {
    const at = problems.atKey(name);
    checkText(name, at);
    if (!isParameter(name)) at.add("is no name of a kernel parameter");
    // One with several numbers has tabs between them.
    checkText(value.replaceAll("\t", " "), at, MOST_PATH_BYTES);
  }
}

/** sysctl.conf(5): words between dots or slashes, with at least one of them. */
function isParameter(name: string): boolean {
  const isDotted = /[./]/.exec(name)?.[0] === ".";
  const words = name.split(isDotted ? "." : "/");
  return (
    words.length > 1 &&
    words.every((word) => !["", ".", ".."].includes(isDotted ? word.replaceAll("/", ".") : word))
  );
}
