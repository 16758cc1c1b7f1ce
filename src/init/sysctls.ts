import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../protocol/errors/index.ts";

/**
 * Sets kernel parameters. The VM has a kernel of its own, so that every one of them is the container's; names are
 * as sysctl.conf(5) has them: `net.ipv4.ip_forward`, or with slashes where a name has a dot:
 * `net/ipv4/conf/eth0.100/forwarding`.
 *
 * @param root another folder in tests.
 * @throws TetherError `guest-initialisation` that names the parameter.
 */
export function writeSysctls(sysctls: Iterable<readonly [string, string]>, root: string = "/proc/sys"): void {
  for (const [name, value] of sysctls) {
    const path = pathOf(name);
    if (path === undefined) throw invalid(name, value, "the name is not one of a kernel parameter");
    try {
      // Without O_CREAT, O_TRUNC: a parameter that does not exist is an error with its own name.
      writeFileSync(join(root, path), value, { flag: "r+" });
    } catch (error) {
      throw invalid(name, value, describe(error));
    }
  }
}

/** sysctl.conf(5): the first separator decides; the other one is then a part of a name. */
function pathOf(name: string): string | undefined {
  const separators = /[./]/.exec(name)?.[0] === "." ? { ".": "/", "/": "." } : { ".": ".", "/": "/" };
  const path = name.replace(/[./]/g, (character) => (character === "." ? separators["."] : separators["/"]));
  const isInside = path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  return isInside && !path.includes("\0") ? path : undefined;
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EINVAL: "invalid argument",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "is a directory",
};

function describe(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return DESCRIPTIONS[code] ?? code;
}

function invalid(name: string, value: string, reason: string): TetherError {
  return new TetherError("guest-initialisation", `sysctl ${name}=${value}: ${reason}`);
}
