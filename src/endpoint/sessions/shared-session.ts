import { PassThrough, type Readable, Writable } from "node:stream";
import type { LocalStreams } from "../../portlayer/interaction/index.ts";
import type { SessionClient } from "./client.ts";
import type { SessionTerminal } from "./session-terminal.ts";

/**
 * The streams of a container that is started with clients attached: each gets all output, and their input goes into
 * one. The process waits for the slowest of them, as for the reader of a pipe.
 */
export class SharedSession {
  readonly #clients: Set<SessionClient>;
  readonly #streams: LocalStreams;
  readonly #detach = new AbortController();

  /**
   * @param endsInput whether the end of a client's input is that of the process (Docker's StdinOnce).
   * @param terminal of a process that has one.
   */
  constructor(clients: Iterable<SessionClient>, endsInput: boolean, terminal: SessionTerminal | undefined) {
    this.#clients = new Set(clients);
    this.#streams = {
      input: this.#mergeInput(endsInput),
      ...(endsInput ? {} : { onInputEnd: () => this.#lastInputEnded() }),
      output: this.#toAll((client) => client.output),
      errorOutput: this.#toAll((client) => client.errorOutput),
      ...(terminal === undefined ? {} : { terminal }),
    };
    for (const client of this.#clients) this.#watch(client);
  }

  get streams(): LocalStreams {
    return this.#streams;
  }

  /** Aborted when the last client has left. */
  get detached(): AbortSignal {
    return this.#detach.signal;
  }

  /** Lets go of the container, which goes on. */
  detach(): void {
    this.#detach.abort();
  }

  #watch(client: SessionClient): void {
    const leave = (): void => {
      this.#clients.delete(client);
      void client.end();
      if (this.#clients.size === 0) this.detach();
    };
    if (client.left.aborted) leave();
    else client.left.addEventListener("abort", leave, { once: true });
  }

  #mergeInput(endsInput: boolean): Readable | undefined {
    const inputs = [...this.#clients].flatMap(({ input }) => input ?? []);
    if (inputs.length === 0) return undefined;
    const merged = new PassThrough();
    for (const input of inputs) input.pipe(merged, { end: endsInput });
    if (!endsInput)
      for (const client of this.#clients) client.input?.once("end", () => this.#inputEnded(client, merged));
    return merged;
  }

  /** While others are there what a client has said gets to the guest without it. */
  #inputEnded(client: SessionClient, merged: PassThrough): void {
    if (this.#clients.size > 1) client.onInputEnd?.();
    else merged.end();
  }

  #lastInputEnded(): void {
    for (const client of this.#clients) client.onInputEnd?.();
  }

  #toAll(choose: (client: SessionClient) => Writable): Writable {
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        let missing = this.#clients.size;
        if (missing === 0) done();
        for (const client of this.#clients)
          choose(client).write(chunk, () => {
            missing -= 1;
            if (missing === 0) done();
          });
      },
    });
  }
}
