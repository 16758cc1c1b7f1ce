import type { System } from "../../system/system.ts";

/**
 * Waits until the kernel's links and addresses are in a state; woken by the kernel.
 *
 * @param isSo what it throws ends the waiting.
 * @returns whether it has come to that within `limitMs`.
 */
export async function awaitObserved(system: System, isSo: () => boolean, limitMs: number): Promise<boolean> {
  const changed = Promise.withResolvers<boolean>();
  let isOver = false;
  const look = (): void => {
    // The bridge's last messages come while it is being closed, when what was waited for may be gone again.
    if (isOver) return;
    try {
      if (isSo()) changed.resolve(true);
    } catch (error) {
      changed.reject(error);
    }
  };
  const limit = setTimeout(() => changed.resolve(false), limitMs);
  const bridge = system.watchNetwork({ onMessage: look, onError: changed.reject });
  try {
    look();
    return await changed.promise;
  } finally {
    isOver = true;
    clearTimeout(limit);
    void bridge.close();
  }
}
