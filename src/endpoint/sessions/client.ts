import { PassThrough, type Readable, type Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { detachOn } from "../../portlayer/interaction/index.ts";
import type { Connection } from "../http/hijack.ts";
import { frame, nowhere, outputOn } from "./multiplexed.ts";

/** What a client has asked for. */
export interface ClientOptions {
  readonly tty: boolean;
  /** Standard output and error output are told apart by frames. */
  readonly framed: boolean;
  readonly input: boolean;
  readonly output: boolean;
  readonly errorOutput: boolean;
  /** The bytes that end the session of a client with a terminal. */
  readonly detachKeys: Buffer;
  /** It leaves the session when that has all of its input, whose end is not passed on. */
  readonly leavesAtEndOfInput: boolean;
}

/** How long the other side may take to close its half when everything has been said. */
const CLOSE_LIMIT_MS = 10_000;

/** A connection that carries a session's streams, as attach and exec have taken it over. */
export class SessionClient {
  /** Undefined: it gives no input. Nothing is read of it before somebody does. */
  readonly input: Readable | undefined;
  /** To be called when the session has all of the input; undefined: the input's end is passed on. */
  readonly onInputEnd: (() => void) | undefined;
  readonly output: Writable;
  readonly errorOutput: Writable;
  readonly #connection: Connection;
  readonly #leave = new AbortController();

  constructor(connection: Connection, options: ClientOptions) {
    this.#connection = connection;
    const target = connection.output;
    const leave = (): void => this.#leave.abort();
    this.onInputEnd = options.leavesAtEndOfInput ? leave : undefined;
    // A client that has gone leaves its session, which goes on.
    target.on("error", leave).on("close", leave);
    const pack = (stream: "stdout" | "stderr") => (data: Buffer) =>
      options.framed ? frame(stream, data) : data;
    this.output = options.output ? outputOn(target, pack("stdout")) : nowhere();
    this.errorOutput = options.errorOutput ? outputOn(target, pack("stderr")) : nowhere();
    this.input = options.input ? this.#inputOf(options) : undefined;
  }

  /** Aborted when the client leaves the session: by its keys, its end of input, or because it has gone. */
  get left(): AbortSignal {
    return this.#leave.signal;
  }

  /** The session begins: a client without input is still read, so that its end is noticed. */
  begin(): void {
    if (this.input === undefined) this.#connection.input?.resume();
  }

  /**
   * Everything has been said: closes this side. The other one may still be writing, and be closed only when its user
   * has heard the end elsewhere: that is not waited for.
   */
  async end(): Promise<void> {
    const { output, input } = this.#connection;
    if (output.destroyed) return;
    const ended = finished(output, { readable: false }).catch(() => {
      // It has gone: that is an end, too.
    });
    output.end();
    await ended;
    if (input !== undefined) void this.#linger(input);
  }

  /** A connection that is cut while the other side writes would lose it what it has not read yet. */
  async #linger(input: Readable): Promise<void> {
    if (!input.readableEnded && !input.destroyed) await this.#untilEnd(input);
    input.destroy();
  }

  async #untilEnd(input: Readable): Promise<void> {
    input.unpipe();
    input.resume();
    const limit = AbortSignal.timeout(CLOSE_LIMIT_MS);
    await finished(input, { writable: false, signal: limit }).catch(() => {
      // It keeps its half open: it is cut off.
    });
  }

  #inputOf({ tty, detachKeys, leavesAtEndOfInput }: ClientOptions): Readable | undefined {
    const leave = (): void => this.#leave.abort();
    const { input } = this.#connection;
    if (input === undefined) return undefined;
    if (leavesAtEndOfInput) {
      let isEmpty = true;
      input.once("data", () => (isEmpty = false));
      // Else it leaves when the session has had what there was.
      input.once("end", () => isEmpty && leave());
    }
    // Not the connection itself: who has read all of its input destroys it.
    return input.pipe(tty ? detachOn(detachKeys, leave) : new PassThrough());
  }
}
