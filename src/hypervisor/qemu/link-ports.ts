import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";
import { FURTHER_LINK_PORT_PREFIX } from "../../protocol/link-names.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import type { QmpClient } from "./qmp-client.ts";
import { visitQmp } from "./qmp-visit.ts";
import { connectSocket } from "./unix-socket.ts";

/*
 * A port takes one client at a time, so each client brings its own: a socket (QEMU's character device) and, for a
 * link, a virtio-serial port behind it. Both carry the client's process in their id, so that a later client can
 * tell what was left by one that was killed.
 */

const charactersSchema = z.array(z.looseObject({ label: z.string() }));
const statusSchema = z.looseObject({ status: z.string() });

/** What QEMU says when no port is left; the former with 32 ports, its own limit (hw/char/virtio-serial-bus.c). */
const NO_PORT_LEFT = /Maximum port limit|Out-of-range port id/;

/** What this process has plugged into a machine. */
export class LinkPorts {
  readonly #folder: string;
  readonly #owner: ProcessIdentity;
  /** With what ends when nothing of a connection is left. */
  readonly #open = new Map<Socket, Promise<void>>();
  readonly #connecting = new Set<Promise<Socket>>();
  #isClosed = false;

  /**
   * @param folder the machine's.
   * @param owner this process.
   */
  constructor(folder: string, owner: ProcessIdentity) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /**
   * Plugs a port of the link and connects to it; it is unplugged when the socket closes.
   *
   * @throws TetherError `too-many-clients`, `hypervisor-failed`.
   */
  connectLink(): Promise<Socket> {
    return this.#track(async (qmp, id) => {
      const name = FURTHER_LINK_PORT_PREFIX + id;
      // Connected already: the guest finds the other end open when it comes to the port.
      await qmp.execute("device_add", { driver: "virtserialport", id, chardev: id, name });
    });
  }

  /**
   * A connection that carries nothing, and ends with QEMU.
   *
   * @throws TetherError `hypervisor-failed`.
   */
  connectWatch(): Promise<Socket> {
    return this.#track(async (qmp) => {
      // Fails when the visit was given up meanwhile: nobody would get the connection.
      await qmp.execute("query-status");
    });
  }

  /** Closes every connection; resolves when nothing of them is left in the machine. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#connecting);
    for (const socket of this.#open.keys()) socket.destroy();
    await Promise.all(this.#open.values());
  }

  async #track(plug: (qmp: QmpClient, id: string) => Promise<void>): Promise<Socket> {
    if (this.#isClosed) throw new TetherError("internal", "a machine that was given up is not connected to");
    const connecting = this.#connect(plug);
    this.#connecting.add(connecting);
    try {
      return await connecting;
    } finally {
      this.#connecting.delete(connecting);
    }
  }

  async #connect(plug: (qmp: QmpClient, id: string) => Promise<void>): Promise<Socket> {
    const id = portId(this.#owner);
    let isBegun = false;
    try {
      const socket = await visitQmp(this.#folder, async (qmp) => {
        await refuseUnfinished(qmp);
        await removeAbandoned(qmp, this.#folder);
        isBegun = true;
        await qmp.execute("chardev-add", { id, backend: socketBackend(id) });
        const connected = await connectSocket(this.#folder, socketName(id));
        return await plug(qmp, id).then(() => connected, destroyAndThrow(connected));
      });
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      this.#open.set(
        socket,
        closed.then(() => this.#remove(id)).finally(() => this.#open.delete(socket)),
      );
      return socket;
    } catch (error) {
      if (isBegun) await this.#remove(id);
      throw explain(error);
    }
  }

  async #remove(id: string): Promise<void> {
    try {
      await visitQmp(this.#folder, (qmp) => removePort(qmp, this.#folder, id));
    } catch {
      // The machine has ended; or it is too busy, and a later client, when this process has ended, finds the port.
    }
    rmSync(join(this.#folder, socketName(id)), { force: true });
  }
}

function destroyAndThrow(socket: Socket): (error: unknown) => never {
  return (error) => {
    socket.destroy();
    throw error;
  };
}

/** A machine that still takes over the state of a template must have the template's ports, and no others. */
async function refuseUnfinished(qmp: QmpClient): Promise<void> {
  const { status } = statusSchema.parse(await qmp.execute("query-status"));
  if (status === "inmigrate")
    throw new TetherError("hypervisor-failed", "the container VM is still being started");
}

/** Removes what processes that have ended left. */
async function removeAbandoned(qmp: QmpClient, folder: string): Promise<void> {
  const characters = charactersSchema.parse(await qmp.execute("query-chardev"));
  for (const { label } of characters) {
    const owner = parsePortId(label);
    if (owner !== undefined && !isRunning(owner)) await removePort(qmp, folder, label);
  }
  // And of an earlier machine in this folder, which was killed as well.
  for (const name of readdirSync(folder)) {
    const owner = parsePortId(name.replace(/\.sock$/, ""));
    if (owner !== undefined && !isRunning(owner)) rmSync(join(folder, name), { force: true });
  }
}

async function removePort(qmp: QmpClient, folder: string, id: string): Promise<void> {
  // Either may be gone, or never have been.
  await qmp.execute("device_del", { id }).catch(() => {});
  await qmp.execute("chardev-remove", { id }).catch(() => {});
  rmSync(join(folder, socketName(id)), { force: true });
}

function explain(error: unknown): unknown {
  if (!(error instanceof TetherError) || !NO_PORT_LEFT.test(error.message)) return error;
  return new TetherError(
    "too-many-clients",
    "the container VM's links are all in use: end an exec, attach or logs of it first",
    { cause: error },
  );
}

/** Relative to QEMU's folder, which is the machine's. */
function socketBackend(id: string): unknown {
  const addr = { type: "unix", data: { path: socketName(id) } };
  return { type: "socket", data: { addr, server: true, wait: false } };
}

const socketName = (id: string): string => `${id}.sock`;

/** QEMU's ids hold letters, digits and `-._`. */
function portId({ pid, startTime }: ProcessIdentity): string {
  return `link-${pid}-${startTime}-${randomBytes(4).toString("hex")}`;
}

function parsePortId(id: string): ProcessIdentity | undefined {
  const [, pid, startTime] = /^link-(\d+)-(\d+)-[0-9a-f]+$/.exec(id) ?? [];
  return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
}
