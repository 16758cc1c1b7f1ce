import { setTimeout as delay } from "node:timers/promises";
import { isRunning, type ProcessIdentity } from "../../hypervisor/index.ts";

/** A killed QEMU is gone after some 20 ms; one that the kernel cannot end is not waited for longer. */
const KILL_LIMIT_MS = 10_000;
const KILL_POLL_MS = 5;

/** Pulls a machine's plug. Its `vch` may be gone: it is no child of ours, and its end can only be looked for. */
export async function killMachine(machine: ProcessIdentity): Promise<void> {
  if (!isRunning(machine)) return;
  process.kill(machine.pid, "SIGKILL");
  const limit = Date.now() + KILL_LIMIT_MS;
  while (isRunning(machine) && Date.now() < limit) await delay(KILL_POLL_MS);
}
