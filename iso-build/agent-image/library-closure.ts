import { TetherError } from "../../src/protocol/errors/index.ts";
import { runTool } from "../run-tool.ts";

/**
 * Paths of the shared libraries that the dynamic loader would map for this executable, the loader itself
 * included, as ldd reports them; empty for a static one. ldd runs the executable's loader: give it only
 * programs that you trust.
 */
export async function libraryClosure(executable: string, signal?: AbortSignal): Promise<string[]> {
  try {
    return parseLdd((await runTool("ldd", [executable], { signal })).stdout, executable);
  } catch (error) {
    // ldd says this of a static executable, and fails.
    if (error instanceof TetherError && error.message.endsWith("not a dynamic executable")) return [];
    throw error;
  }
}

/**
 * Reads ldd's lines: `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader. The vDSO has no path: it is
 * the kernel's.
 */
export function parseLdd(output: string, executable: string): string[] {
  const paths = new Set<string>();
  for (const line of output.split("\n").map((text) => text.trim())) {
    const lost = /^(\S+) => not found$/.exec(line)?.[1];
    if (lost !== undefined)
      throw new TetherError(
        "not-set-up",
        `${executable} needs the library ${lost}, which is not on this machine`,
      );
    const found = /^(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/.exec(line)?.[1];
    if (found !== undefined) paths.add(found);
  }
  return [...paths].sort();
}
