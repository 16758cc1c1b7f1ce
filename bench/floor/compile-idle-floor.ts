import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BenchHost } from "../bench-host.ts";

/**
 * Compiles the init that idles: static and against musl, like the project's own (native/build.mjs).
 *
 * @returns the program's path, in the host's folder.
 */
export async function compileIdleFloor({ folder, signal }: BenchHost, idleSeconds: number): Promise<string> {
  const program = join(folder, "idle-floor");
  const options = ["-Os", "-std=gnu11", "-D_GNU_SOURCE", "-static", "-s", "-Wall", "-Wextra", "-Werror"];
  const source = join(import.meta.dirname, "idle-floor.c");
  await promisify(execFile)(
    "musl-gcc",
    [...options, `-DIDLE_SECONDS=${idleSeconds}`, "-o", program, source],
    { signal },
  );
  return program;
}
