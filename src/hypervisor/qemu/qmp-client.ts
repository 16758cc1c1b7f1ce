import type { Socket } from "node:net";
import { z } from "zod";
import { TetherError } from "../../protocol/errors/index.ts";

/** QEMU's answers to what is asked here are a few hundred bytes. */
const MAX_LINE_BYTES = 1024 * 1024;

/** An event of QEMU's machine protocol. */
export interface QmpEvent {
  readonly event: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** One line of QEMU's. What is neither answer, error nor event (the greeting) has none of these. */
const lineSchema = z.looseObject({
  event: z.string().optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ desc: z.string() }).optional(),
});

/**
 * A client of QEMU's machine protocol (docs/interop/qmp-intro): one JSON object per line, answers in the order
 * of the commands, events in between.
 */
export class QmpClient {
  readonly #socket: Socket;
  readonly #pending: Array<PromiseWithResolvers<unknown>> = [];
  readonly #closed = Promise.withResolvers<void>();
  #text = "";
  #isClosed = false;

  /**
   * Set it before the next turn of the event loop, after the constructor or a command's answer: then nothing is
   * missed.
   */
  onEvent: (event: QmpEvent) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    // The end of the connection tells the same as its errors: QEMU is gone.
    socket.on("error", () => {});
    this.#serve().then(
      () => this.#close(),
      () => this.#close(),
    );
  }

  /** Resolves when QEMU has closed the connection. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Whether QEMU has closed the connection. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Carries out a command; QEMU answers one after the other.
   *
   * @throws TetherError `hypervisor-failed` with QEMU's reason, or when the connection ends first.
   */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(hasEnded());
    const answer = Promise.withResolvers<unknown>();
    this.#pending.push(answer);
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    return answer.promise;
  }

  /** Each message has a turn of its own: whoever waited for it can listen to events before the next one comes. */
  async #serve(): Promise<void> {
    for await (const text of this.#socket as AsyncIterable<string>) {
      for (const line of this.#split(text)) {
        if (!this.#dispatch(line)) return;
        await new Promise(setImmediate);
      }
    }
  }

  /** @throws RangeError when a line has no end. */
  #split(text: string): string[] {
    this.#text += text;
    if (this.#text.length > MAX_LINE_BYTES) throw new RangeError("no line of QEMU's is that long");
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    return lines.filter((line) => line.trim() !== "");
  }

  /** @returns false when it is not QEMU that speaks: nothing that follows would make sense. */
  #dispatch(line: string): boolean {
    const message = parseLine(line);
    if (message === undefined) return false;
    if (message.event !== undefined)
      this.onEvent({ event: message.event, ...(message.data && { data: message.data }) });
    else if (message.error !== undefined)
      this.#pending.shift()?.reject(new TetherError("hypervisor-failed", `QEMU: ${message.error.desc}`));
    else if ("return" in message) this.#pending.shift()?.resolve(message["return"]);
    return true;
  }

  #close(): void {
    this.#isClosed = true;
    for (const answer of this.#pending.splice(0)) answer.reject(hasEnded());
    this.#closed.resolve();
  }
}

function parseLine(line: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function hasEnded(): TetherError {
  return new TetherError("hypervisor-failed", "QEMU has ended");
}
