import { isRunning } from "../../hypervisor/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Core } from "./core.ts";

/**
 * Lets container VMs go on that stand still because a disk of this machine's was full; the others are not touched.
 *
 * @returns true when all were running. One that goes on now may stop again, for a file system may need seconds before
 *   it gives away what was freed; and one that could not be asked, as it was busy, may stand still.
 */
export async function resumeContainers(core: Core): Promise<boolean> {
  let areRunning = true;
  for (const record of core.containers.list()) areRunning = (await wasRunning(core, record)) && areRunning;
  return areRunning;
}

async function wasRunning({ components, containers }: Core, record: ContainerRecord): Promise<boolean> {
  const { id, machine: identity } = record;
  if (identity === undefined || !isRunning(identity)) return true;
  const adopted = components.driver.adopt({ identity, folder: containers.folderOf(id) });
  if (adopted === undefined) return true;
  await using machine = adopted;
  try {
    return (await machine.resumeFromFullDisk()) === "was-running";
  } catch {
    // It is ending, or too busy to answer.
    return !isRunning(identity);
  }
}
