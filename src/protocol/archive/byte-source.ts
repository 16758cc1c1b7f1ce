import { badArchive } from "./tar-format.ts";

/** Reads a stream of chunks by count. It keeps the one chunk that is being taken apart and nothing else. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** What is at hand, up to `most` bytes, none of them copied; undefined at the end of the stream. */
  async next(most: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /**
   * Exactly `length` bytes; undefined when the stream has ended at this very point.
   *
   * @throws TetherError `archive-invalid` when it ends in between.
   */
  async read(length: number): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    for (let wanted = length; wanted > 0; ) {
      const piece = await this.next(wanted);
      if (piece === undefined && wanted === length) return undefined;
      if (piece === undefined) throw badArchive("it ends too soon");
      pieces.push(piece);
      wanted -= piece.length;
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
  }

  /** Passes over bytes. @throws TetherError `archive-invalid` when there are fewer. */
  async skip(length: number): Promise<void> {
    for (let wanted = length; wanted > 0; ) {
      const piece = await this.next(wanted);
      if (piece === undefined) throw badArchive("it ends too soon");
      wanted -= piece.length;
    }
  }

  /** Lets the source go before its end. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Reads to the end of the stream, for a sender that wants to get rid of everything. */
  async drain(): Promise<void> {
    while ((await this.next(Number.MAX_SAFE_INTEGER)) !== undefined);
  }
}
