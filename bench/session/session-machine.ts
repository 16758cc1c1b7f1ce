import { join } from "node:path";
import { machineUser } from "../../src/cli/machine-user.ts";
import { QemuDriver } from "../../src/hypervisor/index.ts";
import { openGuest } from "../../src/portlayer/execution/guest-access.ts";
import { Execution } from "../../src/portlayer/execution/index.ts";
import type { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import type { Event } from "../../src/protocol/control-messages.ts";
import { BOOT_FOLDER, type BenchHost } from "../bench-host.ts";
import { defaultRunRequest } from "../run-requests.ts";

/** A container VM that runs in the background, and a warm connection to it; its disposal removes it. */
export interface SessionMachine extends AsyncDisposable {
  /** The machine's folder. */
  readonly folder: string;
  readonly connection: GuestConnection;
  /** Is called with every event of the guest from now on. */
  onEvent(listener: (event: Event) => void): void;
}

/** What runs in it. */
export interface SessionRequest {
  readonly image: string;
  readonly command: readonly string[];
  /** More words for `vch run`. */
  readonly options?: readonly string[];
}

/** Starts a container VM in the background, as `vch run -d` does, and connects to it. */
export async function openSessionMachine(host: BenchHost, request: SessionRequest): Promise<SessionMachine> {
  const driver = QemuDriver.of(machineUser(join(BOOT_FOLDER, "../native"), process.env));
  const execution = new Execution({
    state: host.state,
    driver,
    bootFolder: BOOT_FOLDER,
    report: () => {},
    reportDetail: () => {},
    onStages: () => {},
  });
  const { image, command, options = [] } = request;
  const { id } = await execution.create(defaultRunRequest(image, command, options), host.signal);
  const remove = (): Promise<void> => execution.remove(id, { force: true });
  const listeners: Array<(event: Event) => void> = [];
  try {
    await execution.start(id, host.signal);
    const { record } = await execution.look(id);
    const folder = execution.containers.folderOf(id);
    const guest = await openGuest(
      { components: { driver }, containers: execution.containers },
      record,
      (event) => {
        for (const listener of listeners) listener(event);
      },
    );
    return {
      folder,
      connection: guest.connection,
      onEvent: (listener) => void listeners.push(listener),
      [Symbol.asyncDispose]: async () => {
        await guest[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
