import { setTimeout as delay } from "node:timers/promises";
import { isRunning, type ProcessIdentity } from "../../hypervisor/index.ts";
import { killMachine } from "./machine-end.ts";

/** A machine whose process has ended powers off by itself within a second; Docker's grace is more than enough. */
const POWER_OFF_LIMIT_MS = 10_000;
const POWER_OFF_POLL_MS = 10;

/** Waits until a machine whose process has ended has brought its disks to rest; one that does not is ended. */
export async function awaitPowerOff(machine: ProcessIdentity | undefined): Promise<void> {
  if (machine === undefined) return;
  const limit = Date.now() + POWER_OFF_LIMIT_MS;
  while (isRunning(machine) && Date.now() < limit) await delay(POWER_OFF_POLL_MS);
  await killMachine(machine);
}
