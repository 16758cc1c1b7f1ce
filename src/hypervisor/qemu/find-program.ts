import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";

/**
 * Where the shell would find QEMU.
 *
 * @param name or path.
 * @throws TetherError `tool-missing`.
 */
export function findProgram(name: string): string {
  const folders = name.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter);
  const path = folders.map((folder) => join(folder, name)).find((each) => existsSync(each));
  if (path === undefined)
    throw new TetherError("tool-missing", `${name} is not installed: apt-get install qemu-system-x86`);
  return path;
}
