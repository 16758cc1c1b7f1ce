import type { Socket } from "node:net";
import { hostKeyAlias, IDENTITY_FILE, KNOWN_HOSTS_FILE } from "../interaction/index.ts";
import { refuseExecUnlessRunning } from "./container-attach.ts";
import { type Core, lookSettled } from "./core.ts";
import { adoptMachine } from "./guest-access.ts";
import { join } from "node:path";

/** What OpenSSH needs to come to a container VM. */
export interface SshAccess {
  readonly id: string;
  readonly name: string;
  /** The container's user, whom a shell is opened for. */
  readonly user: string;
  readonly hostKeyAlias: string;
  readonly identityFile: string;
  readonly knownHostsFile: string;
}

/** @throws TetherError `container-not-running` in Docker's words. */
export async function describeSshAccess(core: Core, reference: string): Promise<SshAccess> {
  const known = await lookSettled(core, reference);
  refuseExecUnlessRunning(known);
  const { id, name, settings } = known.record;
  const folder = core.containers.folderOf(id);
  const [user = ""] = (settings?.user ?? "").split(":");
  return {
    id,
    name,
    // The agent's own clients are called tether.
    user: user === "" || user === "0" ? "root" : user,
    hostKeyAlias: hostKeyAlias(id),
    identityFile: join(folder, IDENTITY_FILE),
    knownHostsFile: join(folder, KNOWN_HOSTS_FILE),
  };
}

/** A link of its own, for whoever speaks SSH himself; ends with its disposal. */
export interface RawLink extends AsyncDisposable {
  readonly socket: Socket;
}

/** @throws TetherError `container-not-running`, `too-many-clients`, `guest-lost`. */
export async function openRawLink(core: Core, reference: string): Promise<RawLink> {
  const { record } = await lookSettled(core, reference);
  const machine = adoptMachine(core.components.driver, record, core.containers.folderOf(record.id));
  try {
    const socket = await machine.connectLink();
    return { socket, [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose]() };
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}
