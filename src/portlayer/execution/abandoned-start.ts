import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findMachineProcesses, type ProcessIdentity } from "../../hypervisor/index.ts";
import type { LockedContainer } from "./container-store.ts";
import { killMachine } from "./machine-end.ts";
import { hasCode } from "../../protocol/errors/index.ts";

/** Stands in a container's folder from before a machine is started until the record knows it. */
const STARTING = "starting";

/**
 * Starts a machine and writes it down. When this process is killed in between, whoever has the container next finds the
 * mark, and with {@link endAbandonedStart} the machine.
 *
 * @throws what `startAndSave` throws.
 */
export async function markedStart<T>(
  { folder }: LockedContainer,
  startAndSave: () => Promise<T>,
): Promise<T> {
  const mark = join(folder, STARTING);
  writeFileSync(mark, "", { mode: 0o600 });
  // When it fails the mark stays: the machine may have been started and not written down.
  const result = await startAndSave();
  rmSync(mark, { force: true });
  return result;
}

/** Whether a machine is being started in a container's folder, or its start was abandoned. */
export function isMarkedStart(folder: string): boolean {
  return existsSync(join(folder, STARTING));
}

/**
 * Pulls the plug of machines that nobody has written down, if there are any.
 *
 * @returns those that may take a moment to end. The mark stays until there are none.
 */
export function endAbandonedStart({ folder, record }: LockedContainer): ProcessIdentity[] {
  if (!isMarkedStart(folder)) return [];
  const mark = join(folder, STARTING);
  const known = [record.machine?.pid, record.filesMachine?.pid];
  const abandoned = findMachineProcesses(folder).filter(({ pid }) => !known.includes(pid));
  if (abandoned.length === 0) rmSync(mark, { force: true });
  for (const each of abandoned) kill(each);
  return abandoned;
}

/** As {@link endAbandonedStart}; resolves when they are gone. */
export async function awaitAbandonedStart(container: LockedContainer): Promise<void> {
  for (const each of endAbandonedStart(container)) await killMachine(each);
}

function kill({ pid }: ProcessIdentity): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
