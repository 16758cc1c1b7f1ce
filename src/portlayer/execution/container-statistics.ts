import { setTimeout as delay } from "node:timers/promises";
import { TetherError } from "../../protocol/errors/index.ts";
import { STATS_SUBSYSTEM } from "../../protocol/link-names.ts";
import type { StatisticsChannel } from "../statistics/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Core } from "./core.ts";
import { type GuestAccess, openGuest } from "./guest-access.ts";

/** The statistics of one container VM; its connection ends with its disposal. */
export interface StatisticsAccess extends AsyncDisposable {
  readonly statistics: StatisticsChannel;
}

/** A link is unplugged within some tenths of a second. */
const CLOSE_LIMIT_MS = 1_000;

/**
 * Opens the statistics of a container whose machine is up: also of one that is frozen.
 *
 * @param signal ends the attempt at once, whatever the machine does: one that hangs holds nobody up.
 * @throws TetherError what `openGuest` throws; `guest-lost` when the guest's agent knows no statistics. The signal's
 *   reason.
 */
export async function openContainerStatistics(
  core: Core,
  reference: string,
  signal: AbortSignal,
): Promise<StatisticsAccess> {
  signal.throwIfAborted();
  const opening = open(core, core.containers.find(reference), signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([opening, aborted]);
  } catch (error) {
    // What comes too late is closed; why it did not come is no longer of interest.
    opening.then(
      (late) => late[Symbol.asyncDispose](),
      () => {},
    );
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function open(core: Core, record: ContainerRecord, signal: AbortSignal): Promise<StatisticsAccess> {
  // Only some commands look at statistics.
  const { StatisticsChannel: Channel } = await import("../statistics/index.ts");
  const guest = await openGuest(core, record, () => {}, signal);
  try {
    const channel = await guest.connection.openSubsystem(STATS_SUBSYSTEM);
    // An error of the channel is told by its stream, which nobody may be reading at the moment.
    channel.on("error", () => {});
    const statistics = new Channel(channel);
    return { statistics, [Symbol.asyncDispose]: () => close(guest) };
  } catch (error) {
    await guest[Symbol.asyncDispose]();
    throw TetherError.from(error, "guest-lost", `the statistics of ${record.name}`);
  }
}

/** A machine that hangs does not unplug the link: the next visitor of the machine clears it, as that of a killed `vch`. */
async function close(guest: GuestAccess): Promise<void> {
  const closing = Promise.resolve(guest[Symbol.asyncDispose]());
  const enough = new AbortController();
  const limit = delay(CLOSE_LIMIT_MS, undefined, { signal: enough.signal }).catch(() => {});
  closing.catch(() => {});
  await Promise.race([closing, limit]);
  enough.abort();
}
