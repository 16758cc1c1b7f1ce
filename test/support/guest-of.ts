import { join } from "node:path";
import { ContainerStore, openStateFolder } from "../../src/portlayer/execution/index.ts";
import { type GuestAccess, openGuest } from "../../src/portlayer/execution/guest-access.ts";
import type { VmHost } from "./vm-host.ts";
import { machineDriver } from "./machine-driver.ts";

/** The folder of a container's machine. */
export function folderOf(host: VmHost, name: string): string {
  const containers = storeOf(host);
  return containers.folderOf(containers.find(name).id);
}

/** A connection to the agent of a container that runs. The caller ends it. */
export function guestOf(host: VmHost, name: string): Promise<GuestAccess> {
  const containers = storeOf(host);
  const record = containers.find(name);
  return openGuest({ components: { driver: machineDriver() }, containers }, record);
}

function storeOf(host: VmHost): ContainerStore {
  return new ContainerStore(openStateFolder({ VCH_STATE: join(host.folder, "state") }));
}
