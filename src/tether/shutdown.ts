import { closeSync } from "node:fs";
import { unmountLayerDisk } from "../init/index.ts";
import type { ContainerCgroup, ContainerHandles } from "../session/index.ts";
import type { System } from "../system/system.ts";

/**
 * Ends what is left of the container, brings its disk to rest and powers off. What cannot be done is passed to
 * `report`, and never keeps the machine on.
 */
export async function shutDown(
  system: System,
  container: ContainerHandles | undefined,
  cgroup: ContainerCgroup,
  report: (message: string) => void,
): Promise<void> {
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
  }
  system.sync();
  system.reboot("power-off");
}
