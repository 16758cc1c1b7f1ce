/** Smaller chunks are put together: a source that writes byte by byte must not cost an object per byte. */
const COALESCED_BYTES = 4096;

/**
 * The latest bytes of one stream, addressed by their offset from the stream's first byte, so that a
 * reader that lost its link goes on where it was.
 */
export class ReplayBuffer {
  #chunks: Buffer[] = [];
  #start = 0;
  #end = 0;

  /** Offset of the oldest byte that is still here. */
  get start(): number {
    return this.#start;
  }

  /** Offset behind the newest byte: the number of bytes that the stream has had. */
  get end(): number {
    return this.#end;
  }

  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.length + chunk.length <= COALESCED_BYTES) {
      this.#chunks[this.#chunks.length - 1] = Buffer.concat([newest, chunk]);
    } else {
      this.#chunks.push(chunk);
    }
    this.#end += chunk.length;
  }

  /** The next piece at `offset`, of at most `maxBytes`; undefined when there is none (yet, or any more). */
  read(offset: number, maxBytes: number): Buffer | undefined {
    if (offset < this.#start || offset >= this.#end) return undefined;
    let chunkStart = this.#start;
    for (const chunk of this.#chunks) {
      const chunkEnd = chunkStart + chunk.length;
      if (offset < chunkEnd) {
        return chunk.subarray(offset - chunkStart, Math.min(chunk.length, offset - chunkStart + maxBytes));
      }
      chunkStart = chunkEnd;
    }
    return undefined;
  }

  /** Forgets whole chunks before `offset`. */
  forget(offset: number): void {
    for (let oldest = this.#chunks[0]; oldest !== undefined; oldest = this.#chunks[0]) {
      if (this.#start + oldest.length > offset) return;
      this.#start += oldest.length;
      this.#chunks.shift();
    }
  }
}
