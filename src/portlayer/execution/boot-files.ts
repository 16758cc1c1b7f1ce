import { existsSync } from "node:fs";
import { join } from "node:path";
import { ISO_COMMAND_LINE, KERNEL_COMMAND_LINE } from "../../../iso-build/command-line.ts";
import type { Boot } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { BootMedium } from "./run-request.ts";

/** The agent's image, in iso-build's output folder. */
export const AGENT_IMAGE = "agent.erofs";

/** A machine's way to boot, with the words for its kernel. */
export interface BootFiles {
  readonly boot: Boot;
  readonly kernelCommandLine: string;
}

/**
 * The files that iso-build made.
 *
 * @param folder iso-build's output folder.
 * @throws TetherError `not-set-up` that names the missing file.
 */
export function findBootFiles(folder: string, medium: BootMedium): BootFiles {
  const file = (name: string): string => {
    const path = join(folder, name);
    if (!existsSync(path)) throw new TetherError("not-set-up", `the boot medium is missing: no ${path}`);
    return path;
  };
  if (medium === "kernel") {
    return {
      boot: {
        from: "kernel",
        kernel: file("vmlinuz"),
        initramfs: file("initramfs"),
        agentImage: file(AGENT_IMAGE),
      },
      kernelCommandLine: KERNEL_COMMAND_LINE,
    };
  }
  return {
    boot: { from: "iso", iso: file("tether.iso"), firmware: medium === "iso-bios" ? "bios" : "uefi" },
    kernelCommandLine: ISO_COMMAND_LINE,
  };
}
