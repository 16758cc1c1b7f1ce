import type { Socket } from "node:net";
import { TetherError } from "../../protocol/errors/index.ts";

/** QEMU's answers to what is asked here are a few hundred bytes. */
const MAX_LINE_BYTES = 1024 * 1024;

/** An event of QEMU's machine protocol. */
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface QmpLine {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly QMP?: unknown;
}

/**
 * A client of QEMU's machine protocol (docs/interop/qmp-intro): one JSON object per line, answers in the order
 * of the commands, events in between.
 */
export class QmpClient {
  readonly #socket: Socket;
  readonly #pending: Array<PromiseWithResolvers<unknown>> = [];
  readonly #closed = Promise.withResolvers<void>();
  #text = "";

  /** Set it before the first turn of the event loop after the constructor. */
  onEvent: (event: QmpEvent) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#read(text));
    // The end of the connection tells the same as its errors: QEMU is gone.
    socket.on("error", () => {});
    socket.once("close", () => this.#close());
  }

  /** Resolves when QEMU has closed the connection. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Carries out a command; QEMU answers one after the other.
   *
   * @throws TetherError `hypervisor-failed` with QEMU's reason, or when the connection ends first.
   */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    this.#pending.push(answer);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return answer.promise;
  }

  #read(text: string): void {
    this.#text += text;
    if (this.#text.length > MAX_LINE_BYTES) {
      this.#socket.destroy();
      return;
    }
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#dispatch(line);
  }

  #dispatch(line: string): void {
    let message: QmpLine;
    try {
      message = JSON.parse(line) as QmpLine;
    } catch {
      // Not QEMU: nothing that follows would make sense.
      this.#socket.destroy();
      return;
    }
    if (message.event !== undefined) this.onEvent({ ...message, event: message.event });
    else if (message.error !== undefined) this.#pending.shift()?.reject(new TetherError("hypervisor-failed", `QEMU: ${message.error.desc}`));
    else if ("return" in message) this.#pending.shift()?.resolve(message.return);
  }

  #close(): void {
    for (const answer of this.#pending.splice(0)) answer.reject(new TetherError("hypervisor-failed", "QEMU has ended"));
    this.#closed.resolve();
  }
}
