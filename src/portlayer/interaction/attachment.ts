import type { Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { ATTACH_COMMAND } from "../../protocol/link-names.ts";
import { ReplayStream } from "../../protocol/streams/index.ts";
import type { GuestConnection } from "./guest-connection.ts";
import type { WindowSize } from "./window-size.ts";

/** A user's ends of a container's streams. */
export interface LocalStreams {
  /** Undefined: the container gets no input. */
  readonly input: Readable | undefined;
  readonly output: Writable;
  readonly errorOutput: Writable;
  /** With a terminal: its present size, and to be told of a new one. */
  readonly terminal?: LocalTerminal;
}

/** A user's terminal. */
export interface LocalTerminal {
  size(): WindowSize;
  /** @returns takes the listener away. */
  onResize(listener: () => void): () => void;
}

/** How one stretch of an attachment ended. */
export type StretchEnd = "drained" | "broken";

/**
 * Carries a session's streams between a user and a guest, over as many connections as it takes: each stretch
 * goes on at the byte at which the one before was cut.
 */
export class Attachment {
  readonly #streams: LocalStreams;
  readonly #input: ReplayStream | undefined;
  #outputBytes = 0;
  #errorOutputBytes = 0;

  constructor(streams: LocalStreams) {
    this.#streams = streams;
    this.#input =
      streams.input === undefined ? undefined : new ReplayStream(streams.input, "what is buffered too");
  }

  /**
   * Attaches over one connection.
   *
   * @param inputBytes what the guest has of the input (its snapshot says it).
   * @returns `drained` when the guest has sent everything, `broken` when the connection ended before.
   */
  async carry(connection: GuestConnection, inputBytes: number): Promise<StretchEnd> {
    const { terminal, output, errorOutput } = this.#streams;
    const size = terminal?.size();
    const pty = size === undefined ? undefined : { cols: size.columns, rows: size.rows, term: "xterm" };
    const channel = await connection.execute(
      `${ATTACH_COMMAND} ${this.#outputBytes} ${this.#errorOutputBytes}`,
      pty,
    );
    const stopResizing = terminal?.onResize(() => {
      const { columns, rows } = terminal.size();
      channel.setWindow(rows, columns, 0, 0);
    });
    const stopInput = this.#input?.attach(inputBytes, {
      write: (chunk, done) => channel.write(chunk, done),
      end: () => channel.end(),
    });
    try {
      await Promise.all([
        pump(channel, output, (bytes) => (this.#outputBytes += bytes)),
        pump(channel.stderr, errorOutput, (bytes) => (this.#errorOutputBytes += bytes)),
        closed(channel),
      ]);
    } finally {
      stopInput?.();
      stopResizing?.();
    }
    return hasExit(channel) ? "drained" : "broken";
  }
}

/** Copies until the end; a full target holds the source back. Resolves when the source has ended. */
function pump(source: Readable, target: Writable, count: (bytes: number) => void): Promise<void> {
  return new Promise((resolve) => {
    const resume = (): void => void source.resume();
    source.on("data", (chunk: Buffer) => {
      count(chunk.length);
      if (!target.write(chunk)) source.pause();
    });
    target.on("drain", resume);
    source.once("end", () => {
      target.off("drain", resume);
      resolve();
    });
  });
}

function closed(channel: ClientChannel): Promise<void> {
  return new Promise((resolve) => channel.once("close", () => resolve()));
}

/** The guest sends the exit behind the last byte; without it the channel was cut. ssh2's types do not list it. */
function hasExit(channel: ClientChannel): boolean {
  const { _exit: exit } = channel as unknown as {
    readonly _exit: { readonly code: number | null | undefined };
  };
  return exit.code !== undefined;
}
