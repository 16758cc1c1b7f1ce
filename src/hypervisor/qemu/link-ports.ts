import { randomBytes } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";
import { FURTHER_LINK_PORT_PREFIX } from "../../protocol/link-names.ts";
import { LINK_CHARACTERS } from "./command-line.ts";
import { readStatus, resumeFromFullDisk } from "./full-disk.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import type { QmpClient } from "./qmp-client.ts";
import { visitQmp } from "./qmp-visit.ts";
import { connectSocket } from "./unix-socket.ts";

/*
 * A port takes one client at a time, so each client brings its own: a socket (QEMU's character device) and, for a
 * link, a virtio-serial port behind it. Both carry the client's process in their id, so that a later client can
 * tell what was left by one that was killed.
 */

/** `frontend-open`: the guest has the port open. `filename` begins with `disconnected:` when its client has gone. */
const charactersSchema = z.array(
  z.looseObject({ label: z.string(), filename: z.string(), "frontend-open": z.boolean() }),
);
type Characters = z.infer<typeof charactersSchema>;

/** What QEMU says when no port is left; the former with 32 ports, its own limit (hw/char/virtio-serial-bus.c). */
const NO_PORT_LEFT = /Maximum port limit|Out-of-range port id/;

/**
 * QEMU drops what it has to tell the guest about its ports when 32 such messages wait (control_in of
 * hw/char/virtio-serial-bus.c): a port that comes is three, one that goes two. So who plugs a port waits until the
 * guest has opened it, which takes it 20 to 40 ms under TCG and tells that nothing waits any more. Where so many go
 * that their messages alone could be too many, each is waited for as well.
 */
const MOST_THAT_GO_AT_ONCE = 12;
/** A guest that does nothing holds nobody up for longer. */
const GUEST_LIMIT_MS = 500;
/** QEMU's event of it comes up to a second late (monitor.c limits the rate), a question takes 0.2 ms. */
const GUEST_POLL_MS = 3;

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
      await awaitGuest(qmp, [id], "open");
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
        return plug(qmp, id).then(() => connected, destroyAndThrow(connected));
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
  if ((await readStatus(qmp)) === "inmigrate")
    throw new TetherError("hypervisor-failed", "the container VM is still being started");
  if ((await resumeFromFullDisk(qmp)) === "stands-still")
    throw new TetherError(
      "no-space",
      "the container VM stands still until it can write: the disk is full (no space left on this machine's)",
    );
}

/** Removes what processes that have ended left. */
async function removeAbandoned(qmp: QmpClient, folder: string): Promise<void> {
  for (const { label } of await listCharacters(qmp)) {
    const owner = parsePortId(label);
    if (owner !== undefined && !isRunning(owner)) await removePort(qmp, folder, label);
  }
  // And of an earlier machine in this folder, which was killed as well.
  for (const name of readdirSync(folder)) {
    const owner = parsePortId(name.replace(/\.sock$/, ""));
    if (owner !== undefined && !isRunning(owner)) rmSync(join(folder, name), { force: true });
  }
}

async function listCharacters(qmp: QmpClient): Promise<Characters> {
  return charactersSchema.parse(await qmp.execute("query-chardev"));
}

/**
 * Removes a port, and with it all others whose clients have gone: QEMU takes 50 ms to let go of one or of many (it
 * gathers what it frees, util/rcu.c), so that many clients that leave at the same time do not wait for each other.
 */
async function removePort(qmp: QmpClient, folder: string, id: string): Promise<void> {
  const ports = (await listCharacters(qmp)).filter(({ label }) => parsePortId(label) !== undefined);
  const left = ports.filter(({ label, filename }) => label === id || filename.startsWith("disconnected:"));
  const closed = left.map(({ label }) => label);
  const isCrowded = ports.length > MOST_THAT_GO_AT_ONCE;
  // One that the guest still has open is left to its own client's turn.
  const leaving = isCrowded ? await awaitGuest(qmp, closed, "closed") : closed;
  if (!leaving.includes(id) && closed.includes(id)) leaving.push(id);
  await unplug(qmp, leaving);
  for (const label of leaving) {
    // It may be gone.
    await qmp.execute("chardev-remove", { id: label }).catch(() => {});
    rmSync(join(folder, socketName(label)), { force: true });
  }
}

/**
 * Takes ports away. QEMU has unplugged one when it answers, but lets go of its character device later, which it tells by
 * DEVICE_DELETED (device_finalize of hw/core/qdev.c); "Chardev is busy" until then.
 */
async function unplug(qmp: QmpClient, ids: readonly string[]): Promise<void> {
  const deleted = new Map(ids.map((id) => [id, Promise.withResolvers<void>()]));
  qmp.onEvent = ({ event, data }) => {
    if (event === "DEVICE_DELETED") deleted.get(String(data?.["device"]))?.resolve();
  };
  for (const [id, { resolve }] of deleted) {
    // It is gone, or has never been.
    await qmp.execute("device_del", { id }).catch(() => resolve());
  }
  const all = Promise.all([...deleted.values()].map(({ promise }) => promise));
  // The visit has a limit of its own.
  await Promise.race([all, qmp.closed]);
}

/** @returns those of the ports that are in that state, or no longer there: all, unless the guest took too long. */
async function awaitGuest(
  qmp: QmpClient,
  ids: readonly string[],
  state: "open" | "closed",
): Promise<string[]> {
  const limit = Date.now() + GUEST_LIMIT_MS;
  for (;;) {
    const characters = await listCharacters(qmp);
    const isOpen = (label: string): boolean | undefined =>
      characters.find((each) => each.label === label)?.["frontend-open"];
    // A guest whose agent does not run yet is told of all ports when it comes to them.
    if (isOpen(LINK_CHARACTERS) !== true) return [...ids];
    const done = ids.filter((id) => isOpen(id) !== (state !== "open"));
    if (done.length === ids.length || Date.now() > limit) return done;
    await delay(GUEST_POLL_MS);
  }
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
