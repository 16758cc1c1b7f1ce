import { type FSWatcher, watch } from "node:fs";

const STALLED = { download: "nothing has come", upload: "nothing has gone out or come" } as const;

/** Nothing has moved for too long. */
export class StalledError extends Error {
  constructor(what: keyof typeof STALLED, limitMs: number) {
    super(`${what} stalled: ${STALLED[what]} for ${limitMs / 1000} s`);
    this.name = "StalledError";
  }
}

/** Ends what writes files into a folder when it has written nothing for too long. */
export class StallWatch implements Disposable {
  readonly #gone = new AbortController();
  readonly #watcher: FSWatcher;
  readonly #timer: NodeJS.Timeout;

  constructor(folder: string, limitMs: number) {
    this.#timer = setTimeout(() => this.#gone.abort(new StalledError("download", limitMs)), limitMs);
    this.#watcher = watch(folder, () => void this.#timer.refresh());
  }

  /** Aborted with a {@link StalledError}. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    clearTimeout(this.#timer);
  }
}
