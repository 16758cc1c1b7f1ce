import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, type VmHost } from "./vm-host.ts";
import { writeBusyboxImage } from "./vm-images.ts";

/**
 * Compiles programs of test/support/programs, without libraries, and writes an image of busybox and of them.
 *
 * @returns the image's reference.
 */
export function writeProgramImage(host: VmHost, ...names: string[]): Promise<string> {
  const folder = host.file("programs");
  mkdirSync(folder);
  const entries = names.map((name) => {
    const program = join(folder, name);
    const source = join(ROOT, "test/support/programs", `${name}.c`);
    execFileSync("musl-gcc", ["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source]);
    return { name: `bin/${name}`, mode: 0o755, data: readFileSync(program) };
  });
  return writeBusyboxImage(host.file("image"), { entries, config: { Env: ["PATH=/bin"] } });
}
