import { once } from "node:events";
import { join } from "node:path";
import { isRunning } from "../../hypervisor/index.ts";
import type { LockedContainer } from "./container-store.ts";
import type { ExecutionComponents } from "./execution-components.ts";
import { readLogEvents } from "./guest-outcome.ts";
import { LOG } from "./machine-start.ts";
import { lastRun } from "./run-events.ts";

/** How long the guest may take until it says its first word; one that boots needs nobody to wake it. */
const WAKE_LIMIT_MS = 5_000;

/**
 * Lets a guest go on whose `vch` was killed after it had written the machine down, and before it spoke to the guest: a
 * fork waits for that, and gives up after two minutes. For whoever has the container's lock: nobody is starting it.
 */
export async function wakeAbandoned(
  { driver }: ExecutionComponents,
  { record, folder }: LockedContainer,
): Promise<void> {
  const { machine: identity } = record;
  if (identity === undefined || !isRunning(identity)) return;
  if (lastRun(readLogEvents(join(folder, LOG))).length > 0) return;
  const adopted = driver.adopt({ identity, folder });
  if (adopted === undefined) return;
  await using machine = adopted;
  try {
    const link = await machine.connectLink();
    await once(link, "data", { signal: AbortSignal.timeout(WAKE_LIMIT_MS) });
  } catch {
    // It ends, or boots, or is busy: who asks next tries again, as long as it has not said a word.
  }
}
