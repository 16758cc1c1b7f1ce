import { statfs } from "node:fs/promises";
import type { Execution } from "../portlayer/execution/index.ts";
import type { Log } from "./http/log.ts";

/** Container VMs stand still for so long behind the moment when there is room again. */
const LOOK_MS = 2_000;

/** What is written between two looks on a disk that is nearly full. */
const LITTLE_BYTES = 64 * 1024 * 1024;

/** What a watch is made of. */
export interface RoomWatchParts {
  readonly execution: Pick<Execution, "resumeContainers">;
  /** The state folder. */
  readonly root: string;
  readonly log: Log;
}

/** Looks for room on the state folder's disk, until it is disposed of; lets container VMs go on when there is some again. */
export class RoomWatch implements Disposable {
  readonly #parts: RoomWatchParts;
  readonly #timer: NodeJS.Timeout;
  /** Undefined before the first look: whoever served before may have ended while the disk was full. */
  #isShort: boolean | undefined;
  #isLooking = false;

  constructor(parts: RoomWatchParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { root, log, execution } = this.#parts;
    try {
      const { bavail, bsize } = await statfs(root);
      const wasShort = this.#isShort;
      this.#isShort = bavail * bsize < LITTLE_BYTES;
      if (this.#isShort && !wasShort)
        log.warn(
          { root, freeBytes: bavail * bsize },
          "the disk is nearly full: container VMs that write stand still then",
        );
      if (this.#isShort || wasShort === false) return;
      if (wasShort) log.info({ root }, "there is room on the disk again: container VMs go on");
      await execution.resumeContainers();
    } catch (error) {
      log.error(
        { root, error: error instanceof Error ? error.message : String(error) },
        "looking for room failed",
      );
    } finally {
      this.#isLooking = false;
    }
  }
}
