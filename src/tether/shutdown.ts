import { closeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { unmountLayerDisk } from "../init/index.ts";
import type { ContainerCgroup, ContainerHandles } from "../session/index.ts";
import type { System } from "../system/system.ts";

/** What is to be ended. */
export interface ShutDown {
  readonly system: System;
  readonly container: ContainerHandles | undefined;
  readonly cgroup: ContainerCgroup;
  readonly volumes: { release(): Promise<readonly string[]> };
  readonly report: (message: string) => void;
}

/** A disk that does not take what was written, or a server that is gone, keeps no machine on. */
const VOLUMES_LIMIT_MS = 10_000;

/**
 * Ends what is left of the container, brings its disk to rest and powers off. What cannot be done is passed to
 * `report`, and never keeps the machine on.
 */
export async function shutDown({ system, container, cgroup, volumes, report }: ShutDown): Promise<void> {
  const attempt = async (what: string, step: () => void | Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      report(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (container !== undefined) {
    await attempt("ending the container's processes", () => cgroup.kill());
    await attempt("unmounting the layer disk", () => {
      closeSync(container.namespace);
      closeSync(container.root);
      unmountLayerDisk(system);
    });
    await attempt("unmounting the volumes", async () => {
      const limit = delay(VOLUMES_LIMIT_MS, ["unmounting the volumes takes too long"], { ref: false });
      for (const failure of await Promise.race([volumes.release(), limit])) report(failure);
    });
  }
  system.sync();
  system.reboot("power-off");
}
