import { statfs } from "node:fs/promises";
import type { Execution } from "../portlayer/execution/index.ts";
import type { Log } from "./http/log.ts";

/** Container VMs stand still for so long behind the moment when there is room again. */
const LOOK_MS = 2_000;

/**
 * Nobody sees a disk that is full for a moment only: somebody fills it, fails, and takes back all that he wrote. So
 * container VMs are asked after so many looks anyhow; one answers in 5 to 40 ms.
 */
const LOOKS_PER_ROUND = 15;

/** What is written between two looks on a disk that is nearly full. */
const LITTLE_BYTES = 64 * 1024 * 1024;

/** What a watch is made of. */
export interface RoomWatchParts {
  readonly execution: Pick<Execution, "resumeContainers">;
  /** The state folder. */
  readonly root: string;
  /** How much room its disk has. */
  readonly freeBytes: () => Promise<number>;
  readonly log: Log;
  /** Between two looks; 2 s unless told. */
  readonly everyMs?: number;
}

/** How much may still be written to the disk of a folder, by who is not root. */
export async function freeBytesAt(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Looks for room on the state folder's disk, until it is disposed of; lets container VMs go on when there is some again. */
export class RoomWatch implements Disposable {
  readonly #parts: RoomWatchParts;
  readonly #timer: NodeJS.Timeout;
  #isShort = false;
  /** At first: whoever served before may have ended while the disk was full. */
  #mayStandStill = true;
  #looks = 0;
  #isLooking = false;

  constructor(parts: RoomWatchParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#look(), parts.everyMs ?? LOOK_MS).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { root, log } = this.#parts;
    try {
      await this.#lookAtDisk();
      this.#mayStandStill ||= ++this.#looks % LOOKS_PER_ROUND === 0;
      if (this.#mayStandStill && !this.#isShort)
        this.#mayStandStill = !(await this.#parts.execution.resumeContainers());
    } catch (error) {
      log.error(
        { root, error: error instanceof Error ? error.message : String(error) },
        "looking for room failed",
      );
    } finally {
      this.#isLooking = false;
    }
  }

  async #lookAtDisk(): Promise<void> {
    const { root, log } = this.#parts;
    const freeBytes = await this.#parts.freeBytes();
    const wasShort = this.#isShort;
    this.#isShort = freeBytes < LITTLE_BYTES;
    this.#mayStandStill ||= this.#isShort;
    if (this.#isShort && !wasShort)
      log.warn({ root, freeBytes }, "the disk is nearly full: container VMs that write stand still then");
    if (wasShort && !this.#isShort)
      log.info({ root, freeBytes }, "there is room on the disk again: container VMs go on");
  }
}
