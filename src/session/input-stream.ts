import type { Readable, Writable } from "node:stream";

/** Whose end of input counts. */
export interface InputOptions {
  /** Standard input is open for clients at all. */
  readonly isOpen: boolean;
  /** Docker's StdinOnce: the process's input ends when a client's does. */
  readonly endsWithClient: boolean;
}

/**
 * A process's standard input and the clients that write to it. A client that writes faster than the process
 * reads is held back; what clients send after the process is gone is dropped.
 */
export class InputStream {
  readonly #options: InputOptions;
  #target: Writable | undefined;
  #isClosed = false;
  #hasEnded = false;
  #acceptedBytes = 0;
  readonly #clients = new Set<Readable>();

  constructor(options: InputOptions) {
    this.#options = options;
  }

  /** Bytes taken over from clients so far. */
  get acceptedBytes(): number {
    return this.#acceptedBytes;
  }

  /** Gives the process's end, once there is one; undefined when its input is not open. */
  connect(target: Writable | undefined): void {
    this.#target = target;
    // EPIPE and EIO: the process closed its input or is gone; its exit is reported elsewhere.
    target?.on("error", () => this.close());
    target?.on("drain", () => this.#resumeClients());
    if (target === undefined) this.close();
    else if (this.#hasEnded) this.#finish();
    this.#resumeClients();
  }

  /**
   * Takes a client's input.
   *
   * @param hasEndedByChoice tells, once the client's stream is over, whether the client ended it (half-close)
   *   or was lost.
   * @returns stops taking it, at once and for good.
   */
  attach(client: Readable, hasEndedByChoice: () => boolean): () => void {
    const onData = (chunk: Buffer): void => this.#accept(chunk);
    const onEnd = (): void => {
      if (hasEndedByChoice() && this.#options.endsWithClient) this.end();
    };
    client.on("data", onData);
    client.once("end", onEnd);
    this.#clients.add(client);
    if (!this.#canTake()) client.pause();
    return () => {
      this.#clients.delete(client);
      client.off("data", onData);
      client.off("end", onEnd);
      client.resume();
    };
  }

  /** No more input will come: the process reads the end when it has read the rest. */
  end(): void {
    this.#hasEnded = true;
    this.#finish();
  }

  /** The process reads no more. */
  close(): void {
    this.#isClosed = true;
    this.#resumeClients();
  }

  #accept(chunk: Buffer): void {
    this.#acceptedBytes += chunk.length;
    if (this.#isClosed || this.#hasEnded || this.#target === undefined || !this.#target.writable) return;
    if (this.#target.write(chunk)) return;
    for (const client of this.#clients) client.pause();
  }

  /** Before the process has its input, clients wait; afterwards what they send is dropped. */
  #canTake(): boolean {
    if (this.#isClosed || !this.#options.isOpen) return true;
    return this.#target !== undefined && !this.#target.writableNeedDrain;
  }

  #resumeClients(): void {
    if (this.#canTake()) for (const client of this.#clients) client.resume();
  }

  #finish(): void {
    if (this.#target?.writable === true) this.#target.end();
  }
}
