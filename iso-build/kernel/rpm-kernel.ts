import { TetherError } from "../../src/protocol/errors/index.ts";
import { requireFile } from "../input-file.ts";
import { runTool } from "../run-tool.ts";
import { findKernel, type KernelTree } from "./kernel-tree.ts";

/**
 * Unpacks a kernel RPM (Photon OS's `linux-esx`) into `folder`. bsdtar reads RPMs itself, whatever their
 * compression, and refuses members that would leave the folder.
 */
export async function unpackRpmKernel(
  rpm: string,
  folder: string,
  signal?: AbortSignal,
): Promise<KernelTree> {
  await requireFile("kernel RPM", rpm);
  try {
    await runTool("bsdtar", ["-x", "--no-same-owner", "-f", rpm, "-C", folder], { signal });
  } catch (error) {
    if (error instanceof TetherError && error.code === "not-set-up") {
      throw new TetherError("not-set-up", `cannot unpack kernel RPM ${rpm}: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
  return findKernel(folder, `kernel RPM ${rpm}`, signal);
}
