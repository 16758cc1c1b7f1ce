import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";
import type { QmpClient } from "./qmp-client.ts";

/** A guest lets go of an idle device within 0.1 s; with the visit before and after it, it is well below its limit. */
export const UNPLUG_LIMIT_MS = 10_000;

const devicesSchema = z.array(z.looseObject({ name: z.string() }));

/** The ids of the devices that were given one. */
export async function listDevices(qmp: QmpClient): Promise<string[]> {
  const devices = devicesSchema.parse(await qmp.execute("qom-list", { path: "/machine/peripheral" }));
  return devices.map(({ name }) => name);
}

/**
 * Unplugs a device; resolves when the guest has let go of it, which QEMU tells. One that is not there is no error.
 *
 * @param what names it in the error.
 * @throws TetherError `hypervisor-failed`, also when the guest keeps it.
 */
export async function unplugDevice(qmp: QmpClient, id: string, what: string): Promise<void> {
  const gone = Promise.withResolvers<void>();
  qmp.onEvent = ({ event, data }) => {
    if (event === "DEVICE_DELETED" && data?.["device"] === id) gone.resolve();
  };
  const limit = setTimeout(
    () => gone.reject(new TetherError("hypervisor-failed", `the guest does not let go of ${what}`)),
    UNPLUG_LIMIT_MS,
  );
  try {
    if (!(await listDevices(qmp)).includes(id)) return;
    await qmp.execute("device_del", { id });
    await gone.promise;
  } finally {
    gone.promise.catch(() => {});
    clearTimeout(limit);
    qmp.onEvent = () => {};
  }
}
