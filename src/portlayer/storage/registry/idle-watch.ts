import { readFileSync } from "node:fs";
import { StalledError } from "./stall-watch.ts";

/** Looks in the time that a program may be idle. */
const LOOKS = 6;

/** A program's own upkeep (Go's wakes itself by single bytes) is less between two looks, whatever goes over a network more. */
const LEAST_BYTES = 1024;

/** Ends a program that reads and writes nothing for too long, files and connections together. */
export class IdleWatch implements Disposable {
  readonly #gone = new AbortController();
  readonly #limitMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Aborted with a {@link StalledError}. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Begins, with the program's process. */
  begin(pid: number): void {
    let before = bytesOf(pid) ?? 0;
    let idle = 0;
    this.#timer = setInterval(() => {
      const bytes = bytesOf(pid);
      // It has ended, or its user is another one's: whoever waits for its end is told of that.
      if (bytes === undefined) return;
      idle = bytes - before < LEAST_BYTES ? idle + 1 : 0;
      before = bytes;
      if (idle >= LOOKS) this.#gone.abort(new StalledError("upload", this.#limitMs));
    }, this.#limitMs / LOOKS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** What a process has read and written so far, by proc(5); undefined where that cannot be told. */
function bytesOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/io`, "utf8");
    const [, read, written] = /^rchar: (\d+)\nwchar: (\d+)$/m.exec(text) ?? [];
    return read === undefined || written === undefined ? undefined : Number(read) + Number(written);
  } catch {
    return undefined;
  }
}
