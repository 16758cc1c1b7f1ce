import { MAX_FRAME_BYTES } from "../protocol/log/index.ts";

/** Blocks of one write. */
const BLOCKS = 2;

/** Whole records side by side, in the blocks that one write takes to the port. */
export class LogBatch {
  readonly #blocks: Array<{ readonly bytes: Buffer; end: number }> = [];
  #current = 0;
  #bytes = 0;

  /** Bytes in the batch. */
  get length(): number {
    return this.#bytes;
  }

  /** What is to be written. */
  get blocks(): Uint8Array[] {
    return this.#blocks.filter(({ end }) => end > 0).map(({ bytes, end }) => bytes.subarray(0, end));
  }

  /**
   * Adds a record that `write` writes into the block from the offset on; it gives the offset behind it.
   *
   * @param maxBytes the record's size at most; up to MAX_FRAME_BYTES.
   * @returns false when there is no room; nothing was called then.
   */
  add(maxBytes: number, write: (target: Buffer, offset: number) => number): boolean {
    const block = this.#blockFor(maxBytes);
    if (block === undefined) return false;
    const end = write(block.bytes, block.end);
    this.#bytes += end - block.end;
    block.end = end;
    return true;
  }

  clear(): void {
    for (const block of this.#blocks) block.end = 0;
    this.#current = 0;
    this.#bytes = 0;
  }

  /** A block is made when it is first needed: many containers print little. */
  #blockFor(bytes: number): { readonly bytes: Buffer; end: number } | undefined {
    for (; this.#current < BLOCKS; this.#current++) {
      const block = (this.#blocks[this.#current] ??= {
        bytes: Buffer.allocUnsafeSlow(MAX_FRAME_BYTES),
        end: 0,
      });
      if (block.end + bytes <= MAX_FRAME_BYTES) return block;
    }
    return undefined;
  }
}
