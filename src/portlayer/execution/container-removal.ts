import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import { awaitAbandonedStart } from "./abandoned-start.ts";
import { awaitPowerOff } from "./await-power-off.ts";
import { type ContainerStatus, observeState } from "./container-state.ts";
import { discardContainer } from "./container-discard.ts";
import { killContainer } from "./container-stop.ts";
import type { LockedContainer } from "./container-store.ts";
import { writesToVolumes } from "./container-volumes.ts";
import type { Core } from "./core.ts";
import { killMachine } from "./machine-end.ts";

const POLL_MS = 10;

/**
 * Removes a container. What it has written to volumes stays: whoever removes a container right after its end does not
 * cut off the machine that still writes it.
 *
 * @param withVolumes also the volumes that were made for it without a name.
 * @param force ends it first, also one that is being started this moment.
 * @throws TetherError `no-such-container`, `container-running` in Docker's words.
 */
export async function removeContainer(
  core: Core,
  reference: string,
  { force, withVolumes = false }: { readonly force: boolean; readonly withVolumes?: boolean },
): Promise<void> {
  const { containers } = core;
  const { id } = containers.find(reference);
  if (force) await bringVolumesToRest(core, id);
  using container = force ? await seize(core, id) : await containers.lock(reference);
  // Whoever ran it may have removed it, as it was to be at its end.
  if (container === undefined) return;
  const { record } = container;
  if (!force) refuseUnlessEnded(record, observeState(containers, record).status);
  await awaitAbandonedStart(container);
  if (!force && writesToVolumes(record)) await awaitPowerOff(record.machine);
  await killMachines(record);
  discardContainer(core, container, withVolumes || undefined);
}

/**
 * Has the guest of a container that writes to volumes end its process and unmount them. With one that does not, its plug
 * is pulled, as with every other container: that is what is forced.
 */
async function bringVolumesToRest(core: Core, id: string): Promise<void> {
  const { components, containers } = core;
  const record = containers.find(id);
  const { machine } = record;
  if (machine === undefined || !isRunning(machine) || !writesToVolumes(record)) return;
  try {
    await killContainer(core, id, "SIGKILL");
  } catch (error) {
    if (!(error instanceof TetherError)) throw error;
    // It has ended or gone already, or cannot be asked.
    if (!ENDED.has(error.code)) components.report(`${error.message}: ending its machine`);
  }
  await awaitPowerOff(machine);
}

const ENDED: ReadonlySet<string> = new Set(["container-not-running", "no-such-container"]);

/** Ends whatever keeps the container busy, until it can be had. */
async function seize({ containers }: Core, id: string): Promise<LockedContainer | undefined> {
  containers.announceRemoval(id);
  for (;;) {
    try {
      const container = containers.tryLock(id);
      if (container !== undefined) return container;
      await killMachines(containers.find(id));
    } catch (error) {
      if (error instanceof TetherError && error.code === "no-such-container") return undefined;
      throw error;
    }
    await delay(POLL_MS);
  }
}

function refuseUnlessEnded({ id }: ContainerRecord, status: ContainerStatus): void {
  if (status === "paused")
    throw new TetherError(
      "container-running",
      `You cannot remove a paused container ${id}. Unpause and then stop the container before attempting removal or force remove`,
    );
  if (status === "running" || status === "restarting")
    throw new TetherError(
      "container-running",
      `You cannot remove a ${status} container ${id}. Stop the container before attempting removal or force remove`,
    );
}

async function killMachines({ machine, filesMachine }: ContainerRecord): Promise<void> {
  for (const each of [machine, filesMachine]) if (each !== undefined) await killMachine(each);
}
