import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { System } from "../../system/system.ts";
import { awaitDevices } from "../await-devices.ts";
import type { KernelModules } from "../kernel-modules.ts";
import type { HostFolderSource } from "./configuration.ts";

/** What mounting a folder of the host's needs. */
export interface HostFolderParts {
  readonly system: System;
  readonly modules: KernelModules;
  /** How long its device is waited for. */
  readonly timeoutMs: number;
}

/**
 * Mounts a folder of the host's.
 *
 * @param flags of mount(2).
 * @throws TetherError `volume-missing` when the machine has none with the tag, `volume-failed` when the kernel has no such
 *   file system; SystemCallError.
 */
export async function mountHostFolder(
  { transport, tag }: HostFolderSource,
  mountPoint: string,
  flags: number,
  { system, modules, timeoutMs }: HostFolderParts,
): Promise<void> {
  modules.loadSet(transport);
  if (transport === "9p") return mount9p(system, tag, mountPoint, flags);
  const missing = (): TetherError =>
    new TetherError("volume-missing", `the machine has no folder of the host with the tag ${tag}`);
  await awaitDevices(system, () => tryVirtiofs(system, tag, mountPoint, flags), [
    { limitMs: timeoutMs, missing },
  ]);
}

/**
 * A plugged one may still be on its way. Linux 6.1 tells nobody which tags there are, so it is mounted as a try; that asks
 * the host for nothing yet.
 */
function tryVirtiofs(system: System, tag: string, mountPoint: string, flags: number): true | undefined {
  try {
    system.mount(tag, mountPoint, "virtiofs", flags, null);
    return true;
  } catch (error) {
    // fs/fuse/virtio_fs.c: no device with the tag.
    if (hasCode(error, "EINVAL")) return undefined;
    throw explainMissing(error, "virtiofs");
  }
}

async function mount9p(system: System, tag: string, mountPoint: string, flags: number): Promise<void> {
  try {
    await system.mountAside(tag, mountPoint, "9p", flags, "trans=virtio,version=9p2000.L,msize=524288");
  } catch (error) {
    throw explainMissing(error, "9p");
  }
}

function explainMissing(error: unknown, fileSystem: string): unknown {
  if (!hasCode(error, "ENODEV")) return error;
  return new TetherError("volume-failed", `the kernel of the container VM has no ${fileSystem}`);
}
