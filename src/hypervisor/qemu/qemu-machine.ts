import type { Socket } from "node:net";
import type { Machine, MachineEnd } from "../driver.ts";
import { LINK_SOCKET } from "./command-line.ts";
import { isRunning, type ProcessIdentity } from "./process-identity.ts";
import type { QmpClient, QmpEvent } from "./qmp-client.ts";
import { connectSocket } from "./unix-socket.ts";

/** What a running QEMU is observed by. */
export interface QemuMachineParts {
  readonly identity: ProcessIdentity;
  /** The machine's folder, with its sockets. */
  readonly folder: string;
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>;
  readonly qmp: QmpClient;
}

/** A running QEMU process, observed and steered through its machine protocol. */
export class QemuMachine implements Machine {
  readonly #parts: QemuMachineParts;
  readonly ended: Promise<MachineEnd>;
  #shutdownReason: string | undefined;

  constructor(parts: QemuMachineParts) {
    this.#parts = parts;
    parts.qmp.onEvent = (event) => this.#observe(event);
    this.ended = this.#awaitEnd();
  }

  get pid(): number {
    return this.#parts.identity.pid;
  }

  connectLink(): Promise<Socket> {
    return connectSocket(this.#parts.folder, LINK_SOCKET);
  }

  async destroy(): Promise<void> {
    if (isRunning(this.#parts.identity)) process.kill(this.pid, "SIGKILL");
    await this.ended;
  }

  #observe({ event, data }: QmpEvent): void {
    if (event === "SHUTDOWN" && typeof data?.["reason"] === "string") this.#shutdownReason = data["reason"];
  }

  async #awaitEnd(): Promise<MachineEnd> {
    await Promise.all([this.#parts.exited, this.#parts.qmp.closed]);
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
