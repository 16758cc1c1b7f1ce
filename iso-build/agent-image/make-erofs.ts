import { AGENT_IMAGE_UUID } from "../../src/protocol/agent-image.ts";
import { runTool } from "../run-tool.ts";

/**
 * How the image's data are stored. `plain` starts faster (measured, whole VM run under TCG: 2.79 s against
 * 3.18 s with lz4), `compressed` is for media whose size matters.
 */
export type ErofsStorage = "plain" | "compressed";

// lz4 is the only compression that Debian's 6.1 erofs can read. 256 KiB clusters: 49.8 MB for the agent, against
// 51.0 MB with 64 KiB and 55.4 MB with 16 KiB, which would break the ISO's limit of 75 MB; a start from CD takes
// as long with each (4.4-4.7 s under TCG), 1 MiB gives 0.3 MB more. Deduplication, fragments and tail packing
// (-E) gain nothing on one big file.
const STORAGE_OPTIONS = {
  plain: [],
  compressed: ["-zlz4hc,12", "-C262144"],
} as const satisfies Record<ErofsStorage, readonly string[]>;

/** Makes a read-only erofs image of `tree`, the same bytes for the same content. */
export async function makeErofs(
  tree: string,
  image: string,
  storage: ErofsStorage,
  signal?: AbortSignal,
): Promise<void> {
  const fixed = ["--quiet", "-T0", "-U", AGENT_IMAGE_UUID, "--all-root"];
  // No extended attributes: those that this machine's files carry are none of the guest's business.
  await runTool("mkfs.erofs", [...fixed, "-x-1", ...STORAGE_OPTIONS[storage], image, tree], { signal });
}
