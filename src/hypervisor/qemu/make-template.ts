import { chmodSync, chownSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import { qemuArguments } from "./command-line.ts";
import { isRunning } from "./process-identity.ts";
import { FIRST_DESCRIPTOR, startQemu } from "./qemu-process.ts";
import type { QemuUser } from "./qemu-user.ts";
import { awaitLinkOpened, saveState } from "./template-state.ts";
import type { Shape } from "./template-shape.ts";

/** A finished template's files: the guest's memory, and the state of everything else. */
export const MEMORY = "memory";
export const STATE = "state";
/** While it is made: the QEMU that makes it. */
export const MACHINE = "machine.json";

const CONFIGURATION = "config.pb";
const LOG = "log";

/** What making a template takes. */
export interface TemplateMaking {
  /** An empty folder of its own. */
  readonly folder: string;
  readonly program: string;
  readonly user: QemuUser;
  readonly shape: Shape;
  /** The document that makes a guest a template. */
  readonly configuration: Uint8Array;
  /** How long the guest may take until it is ready. */
  readonly readyLimitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Boots a guest, stops it when it waits to be forked, and leaves its memory and state in the folder.
 *
 * @throws TetherError `hypervisor-failed`, or the file system's own error; no process is left then, but files may be.
 */
export async function makeTemplate(making: TemplateMaking): Promise<void> {
  const { folder, configuration, readyLimitMs, signal } = making;
  writeFileSync(join(folder, CONFIGURATION), configuration);
  const limit = AbortSignal.timeout(readyLimitMs);
  try {
    await bootAndSave(making, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (error !== limit.reason) throw error;
    throw new TetherError("hypervisor-failed", `the guest was not ready within ${readyLimitMs / 1000} s`);
  }
  for (const name of readdirSync(folder)) {
    if (name !== MEMORY && name !== STATE) rmSync(join(folder, name), { recursive: true });
  }
}

async function bootAndSave(making: TemplateMaking, signal: AbortSignal): Promise<void> {
  const { folder, program, user, shape } = making;
  const { accelerator } = shape;
  const memory = { kind: "template", file: MEMORY } as const;
  const files = { configuration: join(folder, CONFIGURATION), log: join(folder, LOG) };
  using surroundings = user.prepare({
    ...{ machine: { ...shape.machine, folder, ...files }, accelerator, memory },
    firstDescriptor: FIRST_DESCRIPTOR,
  });
  const { room, machine, descriptors, environment } = surroundings;
  const { identity, exited } = await startQemu({
    command: surroundings.command(program, qemuArguments(machine, accelerator, memory)),
    ...{ folder, room, descriptors, environment, signal },
    onSpawned: (spawned) => writeFileSync(join(folder, MACHINE), JSON.stringify(spawned)),
    prepare: async ({ qmp }) => {
      await awaitLinkOpened(qmp);
      await saveState(qmp, room, join(folder, STATE));
    },
  });
  if (isRunning(identity)) process.kill(identity.pid, "SIGKILL");
  await exited;
  keepMemory(join(room, MEMORY), join(folder, MEMORY));
}

/** It is nobody's but this process's from now on. */
function keepMemory(made: string, kept: string): void {
  renameSync(made, kept);
  chownSync(kept, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  // Nobody writes to it, but QEMU opens it as if it would: a fork could not when it were read-only (unless root's).
  chmodSync(kept, 0o600);
}
