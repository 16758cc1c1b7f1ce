import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Resumed } from "../driver.ts";
import type { QmpClient } from "./qmp-client.ts";

const statusSchema = z.looseObject({ status: z.string() });

/** QEMU writes again at once what it could not write, and stops again within milliseconds. */
const RETRY_MS = 100;

/** What a machine is doing, in QEMU's words (RunState of qapi/run-state.json). */
export async function readStatus(qmp: QmpClient): Promise<string> {
  return statusSchema.parse(await qmp.execute("query-status")).status;
}

/**
 * Lets a machine go on that QEMU has stopped because the file of a disk could not grow (QEMU's `werror=enospc`, the
 * default): what could not be written is written now, and the guest has noticed nothing.
 */
export async function resumeFromFullDisk(qmp: QmpClient): Promise<Resumed> {
  if ((await readStatus(qmp)) !== "io-error") return "was-running";
  await qmp.execute("cont");
  await delay(RETRY_MS);
  return (await readStatus(qmp)) === "io-error" ? "stands-still" : "goes-on";
}
