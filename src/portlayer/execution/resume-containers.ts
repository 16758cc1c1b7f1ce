import { isRunning } from "../../hypervisor/index.ts";
import type { Core } from "./core.ts";

/**
 * Lets container VMs go on that stand still because a disk of this machine's was full; the others are not touched. One
 * that cannot be asked is ending, or busy: whoever comes to it next does it.
 */
export async function resumeContainers({ components, containers }: Core): Promise<void> {
  for (const { id, machine: identity } of containers.list()) {
    if (identity === undefined || !isRunning(identity)) continue;
    const adopted = components.driver.adopt({ identity, folder: containers.folderOf(id) });
    if (adopted === undefined) continue;
    await using machine = adopted;
    await machine.resumeFromFullDisk().catch(() => false);
  }
}
