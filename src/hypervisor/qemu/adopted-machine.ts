import { statSync } from "node:fs";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode, TetherError } from "../../protocol/errors/index.ts";
import type { AdoptedMachine, Hardware, MachineEnd, Resumed } from "../driver.ts";
import type { MachineForward, MachineInterface } from "../machine-interface.ts";
import type { MachineVolume } from "../machine-volume.ts";
import { plugAgentDisk, removeAgentDisks } from "./agent-disks.ts";
import { resumeFromFullDisk } from "./full-disk.ts";
import { readForwards } from "./forwarded-ports.ts";
import { type LendFile, lendNothing, lendTo } from "./lent-file.ts";
import { LinkPorts } from "./link-ports.ts";
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts";
import { switchLogFile } from "./log-switch.ts";
import { plugInterface, requireBackends, unplugInterface } from "./network-devices.ts";
import { roomOf } from "./own-user.ts";
import { visitQmp } from "./qmp-visit.ts";
import type { QemuUser } from "./qemu-user.ts";
import { UNPLUG_LIMIT_MS } from "./unplug-device.ts";
import { plugVolume, unplugVolume } from "./volume-devices.ts";

/** A killed QEMU is gone after some 20 ms, its sockets a little earlier; it is no child of ours. */
const END_POLL_MS = 5;
const END_LIMIT_MS = 10_000;

/** The unplugging has its own, within. */
const UNPLUG_VISIT_LIMIT_MS = 2 * UNPLUG_LIMIT_MS;

/** How often a QEMU is looked for that does not answer: it is stopped, or is ending. */
const SILENT_POLL_MS = 250;

/** A running QEMU that another process started. */
export class AdoptedQemuMachine implements AdoptedMachine {
  readonly #identity: ProcessIdentity;
  /** Where its sockets are. */
  readonly #room: string;
  readonly #user: QemuUser;
  readonly #lend: LendFile;
  readonly #ports: LinkPorts;
  #ended: Promise<MachineEnd> | undefined;
  #isDisposed = false;

  /**
   * @param folder the machine's.
   * @param user who may have started it.
   */
  constructor(identity: ProcessIdentity, folder: string, user: QemuUser) {
    const self = identifyProcess(process.pid);
    if (self === undefined) throw new TetherError("internal", "this process is not listed in /proc");
    this.#identity = identity;
    this.#room = roomOf(identity, folder);
    this.#user = user;
    this.#lend = this.#room === folder ? lendNothing : lendTo(this.#room);
    this.#ports = new LinkPorts(this.#room, self);
  }

  get pid(): number {
    return this.#identity.pid;
  }

  get ended(): Promise<MachineEnd> {
    this.#ended ??= this.#awaitEnd();
    return this.#ended;
  }

  async connectLink(): Promise<Socket> {
    // A later machine in the same folder would have another process.
    if (!isRunning(this.#identity)) throw new TetherError("guest-lost", "the container VM has ended");
    return this.#ports.connectLink();
  }

  resumeFromFullDisk(): Promise<Resumed> {
    return visitQmp(this.#room, resumeFromFullDisk);
  }

  switchLogFile(path: string, prepare: () => boolean): Promise<boolean> {
    return switchLogFile(this.#room, path, prepare, this.#lend);
  }

  plugAgentDisk(image: string, hardware: Hardware, inUse: string | undefined): Promise<string> {
    return this.#lend(image, "read", (name) => plugAgentDisk(this.#room, hardware, name, inUse));
  }

  removeAgentDisks(inUse: string | undefined): Promise<void> {
    return removeAgentDisks(this.#room, inUse);
  }

  async plugInterface(plugged: MachineInterface, hardware: Hardware): Promise<void> {
    const { backend } = plugged;
    requireBackends([plugged]);
    if (backend.kind === "tap") await this.#giveTap(backend.name);
    return visitQmp(this.#room, (qmp) => plugInterface(qmp, plugged, hardware));
  }

  readForwards(): Promise<MachineForward[]> {
    return visitQmp(this.#room, readForwards);
  }

  unplugInterface(id: string): Promise<void> {
    return visitQmp(this.#room, (qmp) => unplugInterface(qmp, id), UNPLUG_VISIT_LIMIT_MS);
  }

  plugVolume(volume: MachineVolume, hardware: Hardware): Promise<void> {
    const access = volume.isReadOnly ? "read" : "write";
    return this.#lend(volume.file, access, (file) =>
      visitQmp(this.#room, (qmp) => plugVolume(qmp, { ...volume, file }, hardware)),
    );
  }

  unplugVolume(id: string): Promise<void> {
    return visitQmp(this.#room, (qmp) => unplugVolume(qmp, id), UNPLUG_VISIT_LIMIT_MS);
  }

  /** To its user, when it has one of its own: whose the room is. */
  async #giveTap(name: string): Promise<void> {
    if (this.#lend !== lendNothing) await this.#user.giveTap(name, statSync(this.#room).uid);
  }

  async destroy(): Promise<void> {
    if (isRunning(this.#identity)) kill(this.pid);
    const limit = Date.now() + END_LIMIT_MS;
    while (isRunning(this.#identity)) {
      if (Date.now() > limit)
        throw new TetherError("hypervisor-failed", `the container VM's process ${this.pid} does not end`);
      await delay(END_POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#ports.close();
  }

  /** The kernel tells nobody but its parent that a process ends: a connection to it does. */
  async #awaitEnd(): Promise<MachineEnd> {
    while (isRunning(this.#identity)) {
      try {
        const watch = await this.#ports.connectWatch();
        await new Promise<void>((resolve) => watch.resume().once("close", () => resolve()));
        await this.#awaitProcess();
      } catch {
        await delay(SILENT_POLL_MS);
      }
      if (this.#isDisposed) await new Promise<never>(() => {});
    }
    return { reason: "unobserved" };
  }

  /** Its sockets are closed a moment before the process is gone. */
  async #awaitProcess(): Promise<void> {
    const limit = Date.now() + SILENT_POLL_MS;
    while (!this.#isDisposed && isRunning(this.#identity) && Date.now() < limit) await delay(END_POLL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It has ended meanwhile.
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
