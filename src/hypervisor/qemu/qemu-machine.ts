import { once } from "node:events";
import type { Socket } from "node:net";
import type { Machine, MachineEnd } from "../driver.ts";
import { LINK_SOCKET, QMP_SOCKET } from "./command-line.ts";
import { QmpClient, type QmpEvent } from "./qmp-client.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import { connectSocket } from "./unix-socket.ts";

/** How often a process that has closed its sockets is looked for; it ends within a few milliseconds. */
const EXIT_POLL_MS = 2;

/** A running QEMU process, observed and steered through its machine protocol. */
export class QemuMachine implements Machine {
  readonly #identity: ProcessIdentity;
  readonly #folder: string;
  readonly #qmp: QmpClient;
  readonly ended: Promise<MachineEnd>;
  #shutdownReason: string | undefined;

  private constructor(identity: ProcessIdentity, folder: string, socket: Socket) {
    this.#identity = identity;
    this.#folder = folder;
    this.#qmp = new QmpClient(socket, (event) => this.#observe(event));
    this.ended = this.#awaitEnd();
  }

  /**
   * Takes a running QEMU over, whoever started it.
   *
   * @param folder the machine's folder, with its sockets.
   */
  static async adopt(identity: ProcessIdentity, folder: string): Promise<QemuMachine> {
    const machine = new QemuMachine(identity, folder, await connectSocket(folder, QMP_SOCKET));
    await machine.#qmp.execute("qmp_capabilities");
    return machine;
  }

  get pid(): number {
    return this.#identity.pid;
  }

  connectLink(): Promise<Socket> {
    return connectSocket(this.#folder, LINK_SOCKET);
  }

  async destroy(): Promise<void> {
    if (isRunning(this.#identity)) process.kill(this.#identity.pid, "SIGKILL");
    await this.ended;
  }

  #observe({ event, data }: QmpEvent): void {
    if (event === "SHUTDOWN" && typeof data?.["reason"] === "string") this.#shutdownReason = data["reason"];
  }

  async #awaitEnd(): Promise<MachineEnd> {
    await this.#qmp.closed;
    // The process is no child of ours, and it closes its sockets shortly before it is gone.
    while (isRunning(this.#identity)) await once(AbortSignal.timeout(EXIT_POLL_MS), "abort");
    switch (this.#shutdownReason) {
      case "guest-shutdown":
        return { reason: "powered-off" };
      case "guest-reset":
      case "guest-panic":
        return { reason: "reset" };
      default:
        return { reason: "lost" };
    }
  }
}
