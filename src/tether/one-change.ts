import { TetherError } from "../protocol/errors/index.ts";

/** Of an upgrade and a reload only one is under way. */
export class OneChange {
  #isUnderWay = false;

  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** @throws TetherError `conflict` while another is under way. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isUnderWay)
      throw new TetherError("conflict", "the agent is being upgraded or reloaded already");
    this.#isUnderWay = true;
    try {
      return await work();
    } finally {
      this.#isUnderWay = false;
    }
  }
}
