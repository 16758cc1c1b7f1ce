import type { Readable } from "node:stream";

/** Whose end of input counts. */
export interface InputOptions {
  /** Standard input is open for clients at all. */
  readonly isOpen: boolean;
  /** Docker's StdinOnce: the process's input ends when a client's does. */
  readonly endsWithClient: boolean;
}

/** The process's end: what of it {@link InputStream} needs. */
export interface InputTarget {
  /** Bytes that have reached it, also from an agent before this one. */
  writtenBytes(): number;
  /**
   * Writes what there is room for.
   *
   * @throws Error when nobody reads any more.
   */
  write(bytes: Uint8Array): number;
  /** No more will be written: the process reads the end. */
  end(): void;
}

/**
 * A process's standard input and the clients that write to it. A client that writes faster than the process
 * reads is held back; what clients send after the process is gone is dropped.
 */
export class InputStream {
  readonly #options: InputOptions;
  #target: InputTarget | undefined;
  /** What the target had no room for. */
  #queue: Buffer[] = [];
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

  /** Gives the process's end, once there is one; undefined when its input is not open, or has ended. */
  connect(target: InputTarget | undefined): void {
    this.#target = target;
    if (target === undefined) {
      this.close();
      return;
    }
    this.#acceptedBytes += target.writtenBytes();
    this.#flush();
  }

  /** There is room in the target again. */
  writable(): void {
    this.#flush();
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
    this.#flush();
  }

  /** The process reads no more. */
  close(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#endTarget();
    this.#resumeClients();
  }

  #accept(chunk: Buffer): void {
    this.#acceptedBytes += chunk.length;
    if (this.#isClosed || this.#hasEnded || this.#target === undefined) return;
    this.#queue.push(chunk);
    this.#flush();
    if (!this.#canTake()) for (const client of this.#clients) client.pause();
  }

  #flush(): void {
    if (this.#target === undefined) return;
    try {
      for (let chunk = this.#queue[0]; chunk !== undefined; chunk = this.#queue[0]) {
        const length = this.#target.write(chunk);
        if (length < chunk.length) {
          this.#queue[0] = chunk.subarray(length);
          return;
        }
        this.#queue.shift();
      }
    } catch {
      // EPIPE and EIO: the process closed its input or is gone; its exit is reported elsewhere.
      this.close();
      return;
    }
    if (this.#hasEnded) this.#endTarget();
    this.#resumeClients();
  }

  #endTarget(): void {
    const target = this.#target;
    this.#target = undefined;
    target?.end();
  }

  /** Before the process has its input, clients wait; afterwards what they send is dropped. */
  #canTake(): boolean {
    if (this.#isClosed || !this.#options.isOpen || this.#hasEnded) return true;
    return this.#target !== undefined && this.#queue.length === 0;
  }

  #resumeClients(): void {
    if (this.#canTake()) for (const client of this.#clients) client.resume();
  }
}
