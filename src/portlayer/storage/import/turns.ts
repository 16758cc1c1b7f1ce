/** Lets one at a time do something, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** @throws what the work throws, or the signal's reason when it was aborted before its turn. */
  take<Result>(work: () => Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
    const mine = this.#last.then(() => {
      signal?.throwIfAborted();
      return work();
    });
    // Whoever took it is told of its failure; the next one's turn comes all the same.
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
