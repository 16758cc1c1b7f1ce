import type { Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import { TetherError } from "../../protocol/errors/index.ts";
import { ATTACH_COMMAND, CUT_OFF_SIGNAL } from "../../protocol/link-names.ts";
import { parseSignal } from "../../protocol/signals.ts";
import { ReplayStream } from "../../protocol/streams/index.ts";
import type { GuestConnection } from "./guest-connection.ts";
import type { WindowSize } from "./window-size.ts";

/** A user's ends of a container's streams. */
export interface LocalStreams {
  /** Undefined: the container gets no input. */
  readonly input: Readable | undefined;
  /** Called when the guest has all of the input, whose end is not passed on then. */
  readonly onInputEnd?: () => void;
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

/** How a session's process ended, as its channel tells; a signal of 0 means that it ended by exit(2). */
export interface ChannelExit {
  readonly code: number;
  readonly signal: number;
}

/**
 * Carries a session's streams between a user and a guest, over as many connections as it takes: each stretch
 * goes on at the byte at which the one before was cut.
 */
export class Attachment {
  readonly #streams: LocalStreams;
  readonly #sessionId: string;
  readonly #kind: "hold" | "follow";
  readonly #input: ReplayStream | undefined;
  #outputBytes = 0;
  #errorOutputBytes = 0;

  #exit: ChannelExit | undefined;

  /**
   * @param sessionId an exec's; empty for the main session.
   * @param kind whether the process waits for this client as for the reader of a pipe; one that follows and does not
   *   read is cut off.
   */
  constructor(streams: LocalStreams, sessionId: string = "", kind: "hold" | "follow" = "hold") {
    this.#kind = kind;
    this.#streams = streams;
    this.#sessionId = sessionId;
    this.#input =
      streams.input === undefined
        ? undefined
        : new ReplayStream(streams.input, { lost: "what is buffered too", whileUnread: "wait" });
  }

  /** How the process ended, once its output has drained. */
  get exit(): ChannelExit | undefined {
    return this.#exit;
  }

  /** Leaves out what the session has written so far: its snapshot says how much. */
  skip(outputBytes: number, errorOutputBytes: number): void {
    this.#outputBytes = outputBytes;
    this.#errorOutputBytes = errorOutputBytes;
  }

  /**
   * Attaches over one connection.
   *
   * @param inputBytes what the guest has of the input (its snapshot says it).
   * @throws TetherError `client-too-slow` when the guest has left out output that this client did not take.
   * @returns `drained` when the guest has sent everything, `broken` when the connection ended before.
   */
  async carry(connection: GuestConnection, inputBytes: number): Promise<StretchEnd> {
    const { terminal, output, errorOutput } = this.#streams;
    const size = terminal?.size();
    const pty = size === undefined ? undefined : { cols: size.columns, rows: size.rows, term: "xterm" };
    const offsets = [this.#outputBytes, this.#errorOutputBytes];
    const words = [ATTACH_COMMAND, this.#sessionId, ...offsets, this.#kind === "hold" ? "hold" : ""];
    const channel = await connection.execute(words.filter((word) => word !== "").join(" "), pty);
    const tellSize = (): void => {
      const { columns = 0, rows = 0 } = terminal?.size() ?? {};
      channel.setWindow(rows, columns, 0, 0);
    };
    const stopResizing = terminal?.onResize(tellSize);
    // Nobody heard of it while the channel was being opened.
    const present = terminal?.size();
    if (present?.columns !== size?.columns || present?.rows !== size?.rows) tellSize();
    const stopInput = this.#input?.attach(inputBytes, {
      write: (chunk, done) => channel.write(chunk, done),
      end: () => this.#endInput(channel, connection),
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
    this.#exit = exitOf(channel);
    return this.#exit === undefined ? "broken" : "drained";
  }

  #endInput(channel: ClientChannel, connection: GuestConnection): void {
    const { onInputEnd } = this.#streams;
    if (onInputEnd === undefined) channel.end();
    // The guest takes what comes over a link in order: what it answers now is behind the last byte.
    else
      connection.snapshot().then(onInputEnd, () => {
        // The link is gone: the next one carries what is missing, and ends it again.
      });
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

/**
 * The guest sends the exit behind the last byte; without it the channel was cut. ssh2's types do not list it; its event
 * may come with the channel's opening, before there is a listener.
 *
 * @throws TetherError `client-too-slow` when the guest has ended the channel for that.
 */
function exitOf(channel: ClientChannel): ChannelExit | undefined {
  const { _exit: exit } = channel as unknown as {
    readonly _exit: {
      readonly code: number | null | undefined;
      readonly signal?: string;
      readonly desc?: string;
    };
  };
  if (exit.code === undefined) return undefined;
  // ssh2 puts SIG before every name.
  if (exit.signal === `SIG${CUT_OFF_SIGNAL}`) throw new TetherError("client-too-slow", exit.desc ?? "");
  return { code: exit.code ?? 0, signal: exit.signal === undefined ? 0 : parseSignal(exit.signal) };
}
