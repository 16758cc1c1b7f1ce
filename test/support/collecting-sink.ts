import type { StreamSink } from "../../src/protocol/streams/index.ts";

/** A reader of a replayed stream that keeps what it gets, and takes as many chunks as it is allowed to. */
export class CollectingSink implements StreamSink {
  readonly chunks: Buffer[] = [];
  isEnded = false;
  /** What the stream said it has missed. */
  missedBytes = 0;
  readonly #ended = Promise.withResolvers<void>();
  readonly #cutOff = Promise.withResolvers<void>();
  #allowed: number;
  #done: (() => void) | undefined;
  #watchers: Array<() => void> = [];

  /** @param allowed number of chunks it takes before it stalls; {@link allow} lets it go on. */
  constructor(allowed: number = Number.POSITIVE_INFINITY) {
    this.#allowed = allowed;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get length(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get text(): string {
    return this.bytes.toString();
  }

  /** Resolves when the stream has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves when the stream has cut this reader off. */
  get cutOff(): Promise<void> {
    return this.#cutOff.promise;
  }

  overrun(missedBytes: number): void {
    this.missedBytes = missedBytes;
    this.#cutOff.resolve();
  }

  /** Resolves when `condition` holds; it is looked at with every chunk. */
  async until(condition: (sink: CollectingSink) => boolean): Promise<void> {
    while (!condition(this)) {
      if (this.isEnded) throw new Error(`the stream ended behind ${JSON.stringify(this.text.slice(-200))}`);
      const changed = Promise.withResolvers<void>();
      this.#watchers.push(changed.resolve);
      await changed.promise;
    }
  }

  /** Takes so many more chunks. */
  allow(chunks: number = Number.POSITIVE_INFINITY): void {
    this.#allowed += chunks;
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    this.#allowed -= 1;
    done();
  }

  write(chunk: Buffer, done: () => void): void {
    if (this.isEnded) throw new Error("written to behind the end");
    if (this.#done !== undefined) throw new Error("written to before the last chunk was taken");
    // What is written may be used again by the writer only if it says so: it does not.
    this.chunks.push(Buffer.from(chunk));
    if (this.#allowed > 0) {
      this.#allowed -= 1;
      // In a later turn, as a socket does.
      setImmediate(done);
    } else {
      this.#done = done;
    }
    this.#changed();
  }

  end(): void {
    if (this.isEnded) throw new Error("ended twice");
    this.isEnded = true;
    this.#ended.resolve();
    this.#changed();
  }

  #changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
