import type { AdoptedMachine } from "../../hypervisor/index.ts";
import type { GuestConnection } from "../interaction/index.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Core } from "./core.ts";
import { adoptMachine, type GuestAccess, guestAccess } from "./guest-access.ts";

/** A session's way to its guest: over a connection that was kept, if there is one, which is kept again in the end. */
export class GuestLease implements AsyncDisposable {
  readonly machine: AdoptedMachine;
  readonly #core: Core;
  readonly #record: ContainerRecord;
  #kept: GuestConnection | undefined;
  #left: GuestConnection | undefined;

  /**
   * @param kept what was taken of the kept ones.
   * @throws TetherError `container-not-running`.
   */
  constructor(core: Core, record: ContainerRecord, kept: GuestAccess | undefined) {
    this.#core = core;
    this.#record = record;
    this.#kept = kept?.connection;
    this.machine =
      kept?.machine ?? adoptMachine(core.components.driver, record, core.containers.folderOf(record.id));
  }

  /** The kept connection, the first time. */
  take(): GuestConnection | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    return kept;
  }

  /** Leaves a connection on which nothing is under way. */
  leave(connection: GuestConnection): void {
    this.#left = connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kept?.close();
    if (this.#left === undefined) await this.machine[Symbol.asyncDispose]();
    else await this.#core.guests.give(this.#record, guestAccess(this.machine, this.#left));
  }
}
