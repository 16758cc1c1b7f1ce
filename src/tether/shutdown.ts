import { closeSync, readFileSync, watch, writeFileSync } from "node:fs";
import { CGROUP_ROOT, CONTAINER_CGROUP, unmountLayerDisk } from "../init/index.ts";
import type { ContainerHandles } from "../session/index.ts";
import type { System } from "../system/system.ts";

const CGROUP = `${CGROUP_ROOT}/${CONTAINER_CGROUP}`;

/** SIGKILL works at once except on a process in an uninterruptible wait: those the power-off ends. */
const KILL_LIMIT_MS = 2000;

/**
 * Ends what is left of the container, brings its disk to rest and powers off. What cannot be done is passed to
 * `report`, and never keeps the machine on.
 */
export async function shutDown(
  system: System,
  container: ContainerHandles | undefined,
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
    await attempt("ending the container's processes", killContainer);
    await attempt("unmounting the layer disk", () => {
      closeSync(container.namespace);
      closeSync(container.root);
      unmountLayerDisk(system);
    });
  }
  system.sync();
  system.reboot("power-off");
}

/** cgroup.kill reaches every process at once, so that none can fork its way out (cgroup-v2.rst). */
async function killContainer(): Promise<void> {
  if (isEmpty()) return;
  writeFileSync(`${CGROUP}/cgroup.kill`, "1");
  const empty = Promise.withResolvers<void>();
  const watcher = watch(`${CGROUP}/cgroup.events`, () => {
    if (isEmpty()) empty.resolve();
  });
  const limit = setTimeout(() => empty.reject(new Error("some are still there")), KILL_LIMIT_MS);
  try {
    if (!isEmpty()) await empty.promise;
  } finally {
    clearTimeout(limit);
    watcher.close();
  }
}

function isEmpty(): boolean {
  return readFileSync(`${CGROUP}/cgroup.events`, "utf8").includes("populated 0");
}
