import { join } from "node:path";
import { type AdoptedMachine, type HypervisorDriver, isRunning } from "../../hypervisor/index.ts";
import type { Event } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { GuestConnection, readLinkFiles } from "../interaction/index.ts";
import { rotateIfNeeded } from "../interaction/log/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ContainerStore } from "./container-store.ts";
import { LOG } from "./machine-start.ts";
import type { Turns } from "./turns.ts";

/**
 * A guest that runs answers within milliseconds, on a busy machine under emulation within a second or two; of 50 that
 * were asked at the same moment by two processors a third took more than 10 s.
 */
export const ANSWER_LIMIT_MS = 30_000;

/** What is needed to come to guests. */
export interface GuestWays {
  readonly components: { readonly driver: HypervisorDriver };
  readonly containers: Pick<ContainerStore, "folderOf">;
  /** A handshake's time begins with its turn; undefined: nobody else is there. */
  readonly handshakes?: Turns;
}

/** A connection to a running container VM, of this caller's own; ends with its disposal. */
export interface GuestAccess extends AsyncDisposable {
  readonly machine: AdoptedMachine;
  readonly connection: GuestConnection;
}

/**
 * Connects to a running container VM, whoever started it; both sides prove who they are.
 *
 * @param abort ends the attempt, as if the guest did not answer.
 * @throws TetherError `container-not-running`, `guest-not-connected` when it does not answer, `link-protocol` when
 *   another one does, `too-many-clients`.
 */
export async function openGuest(
  { components, containers, handshakes }: GuestWays,
  record: ContainerRecord,
  onEvent: (event: Event) => void = () => {},
  abort?: AbortSignal,
): Promise<GuestAccess> {
  const folder = containers.folderOf(record.id);
  using _turn = await handshakes?.take(abort);
  const machine = adoptMachine(components.driver, record, folder);
  try {
    const limit = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const signal = abort === undefined ? limit : AbortSignal.any([limit, abort]);
    const connection = await connect(machine, record, folder, onEvent, signal);
    await rotateLog(machine, connection, record, folder);
    return guestAccess(machine, connection);
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/** Both together, to be closed together. */
export function guestAccess(machine: AdoptedMachine, connection: GuestConnection): GuestAccess {
  return {
    machine,
    connection,
    [Symbol.asyncDispose]: async () => {
      connection.close();
      await machine[Symbol.asyncDispose]();
    },
  };
}

/** Nobody watches over a container that was left running: whoever visits it looks after its log. */
async function rotateLog(
  machine: AdoptedMachine,
  connection: GuestConnection,
  { settings }: ContainerRecord,
  folder: string,
): Promise<void> {
  if (settings === undefined || settings.log.maxBytes === 0) return;
  await rotateIfNeeded({
    path: join(folder, LOG),
    limit: settings.log,
    switchFile: (path, prepare) => machine.switchLogFile(path, prepare),
    tellGuest: async (writtenBytes) => void (await connection.request({ logRotated: { writtenBytes } })),
  });
}

/** @throws TetherError `container-not-running`. */
export function adoptMachine(
  driver: HypervisorDriver,
  { id, machine: identity }: ContainerRecord,
  folder: string,
): AdoptedMachine {
  const machine = identity === undefined ? undefined : driver.adopt({ identity, folder });
  if (machine === undefined) throw notRunning(id);
  return machine;
}

/** Docker's words. */
export function notRunning(id: string): TetherError {
  return new TetherError("container-not-running", `Container ${id} is not running`);
}

async function connect(
  machine: AdoptedMachine,
  record: ContainerRecord,
  folder: string,
  onEvent: (event: Event) => void,
  signal: AbortSignal,
): Promise<GuestConnection> {
  const keys = readLinkFiles(folder);
  for (;;) {
    try {
      return await GuestConnection.open(await machine.connectLink(), keys, onEvent, signal);
    } catch (error) {
      if (error instanceof TetherError && error.code !== "guest-lost") throw error;
      if (record.machine === undefined || !isRunning(record.machine)) throw notRunning(record.id);
      if (signal.aborted) throw notAnswering(record, error);
      // The agent crashed meanwhile, and the next one is there already.
    }
  }
}

function notAnswering({ name }: ContainerRecord, cause: unknown): TetherError {
  return new TetherError(
    "guest-not-connected",
    `the container VM ${name} did not answer within ${ANSWER_LIMIT_MS / 1000} s`,
    { cause },
  );
}
