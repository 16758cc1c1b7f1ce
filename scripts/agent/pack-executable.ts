import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";

/** What pkg's SEA function takes; the package has no types for it. */
interface SeaOptions {
  nodePath: string;
  targets: { nodeRange: string; platform: string; arch: string; output: string }[];
  seaConfig: Record<string, unknown>;
}

const require = createRequire(import.meta.url);

/**
 * Packs `main` and the assets into a copy of the `node` executable. Works offline: blob and base come from that
 * same binary, which pkg's command line cannot be told.
 */
export async function packExecutable(
  node: string,
  main: string,
  assets: Record<string, string>,
  output: string,
): Promise<void> {
  const sea = require("@yao-pkg/pkg/lib-es5/sea") as {
    default: (entry: string, options: SeaOptions) => Promise<void>;
  };
  await sea.default(main, {
    nodePath: node,
    targets: [{ nodeRange: `node${process.versions.node}`, platform: "linux", arch: "x64", output }],
    // useCodeCache would cover `main` alone, ten lines, and differ from build to build (V8's random hash seed).
    seaConfig: { disableExperimentalSEAWarning: true, useCodeCache: false, useSnapshot: false, assets },
  });
}

/** Writes `node` without its symbols to `output`: 126 to 108 MB. Before packing; later it would cut the blob off. */
export function stripExecutable(node: string, output: string): void {
  const { status, stderr } = spawnSync("strip", ["-o", output, node], { encoding: "utf8" });
  if (status !== 0) throw new Error(`strip failed: ${stderr}`);
}
