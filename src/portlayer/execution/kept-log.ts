import { join } from "node:path";
import { LogKeeper } from "../interaction/log/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerRun } from "./container-run.ts";
import type { Core } from "./core.ts";
import { LOG } from "./machine-start.ts";

/**
 * Has whoever carries a run keep its container's log within its limit: for as long as that takes, nobody else may come
 * by.
 *
 * @param record of the container as it runs.
 * @param run tells the guest.
 */
export function keepLog(
  { components, containers }: Core,
  { id, settings, machine }: ContainerRecord,
  run: ContainerRun,
): AsyncDisposable {
  const folder = containers.folderOf(id);
  return new LogKeeper({
    path: join(folder, LOG),
    limit: settings?.log ?? { maxBytes: 0, maxFiles: 1 },
    switchFile: async (path, prepare) => {
      const adopted =
        machine === undefined ? undefined : components.driver.adopt({ identity: machine, folder });
      if (adopted === undefined) return false;
      await using present = adopted;
      return await present.switchLogFile(path, prepare);
    },
    tellGuest: (writtenBytes) => run.tellOfRotation(writtenBytes),
  });
}
