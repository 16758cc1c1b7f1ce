import type { WindowSize } from "../interaction/index.ts";
import { isUp } from "./container-state.ts";
import { type Core, lookSettled } from "./core.ts";
import { notRunning, openGuest } from "./guest-access.ts";

/** Gives the terminal of a container's process another size. @throws TetherError `container-not-running`. */
export async function resizeContainer(
  core: Core,
  reference: string,
  { columns, rows }: WindowSize,
): Promise<void> {
  const { record, state } = await lookSettled(core, reference);
  if (!isUp(state)) throw notRunning(record.id);
  await using guest = await openGuest(core, record);
  await guest.connection.request({ resizeSession: { sessionId: "", columns, rows } });
}
