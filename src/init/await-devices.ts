import { hasCode } from "../protocol/errors/index.ts";
import type { System } from "../system/system.ts";

/** How long is waited for a device, and what is said when it has not come; nothing when it is there by then. */
export interface DeviceLimit {
  readonly limitMs: number;
  readonly missing: () => Error | undefined;
}

/**
 * Looks for devices, and again with each message of the kernel's until they are all there.
 *
 * @param look gives what was found once that is everything. A device may go while it is looked at: its message comes as
 *   well, and is another look.
 * @throws what `look` throws, or the first limit's error.
 */
export async function awaitDevices<Found>(
  system: Pick<System, "watchUevents">,
  look: () => Found | undefined,
  limits: readonly DeviceLimit[],
): Promise<Found> {
  const found = Promise.withResolvers<Found>();
  let isOver = false;
  const lookAgain = (): void => {
    // A device that comes is a dozen messages.
    if (isOver) return;
    try {
      const all = look();
      if (all === undefined) return;
      isOver = true;
      found.resolve(all);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) found.reject(error);
    }
  };
  // Most are there already, or as soon as they have a driver: the kernel's messages are for those that are not.
  lookAgain();
  if (isOver) return found.promise;
  const watch = system.watchUevents({ onMessage: lookAgain, onError: found.reject });
  const timers = limits.map(({ limitMs, missing }) =>
    setTimeout(() => {
      try {
        const error = missing();
        if (error !== undefined) found.reject(error);
      } catch (error) {
        found.reject(error);
      }
    }, limitMs),
  );
  try {
    // One may have come between the first look and the watch.
    lookAgain();
    return await found.promise;
  } finally {
    isOver = true;
    for (const timer of timers) clearTimeout(timer);
    // Nobody waits for the end of its thread.
    void watch.close();
  }
}
