import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Tells when files have changed, or their folder has gone, by inotify(7). */
export class FolderWatch implements Disposable {
  readonly #watcher: FSWatcher;
  #hasChanged = false;
  #failure: Error | undefined;
  #wake = (): void => {};

  /** @param path of a file; those whose names begin with its name count too. */
  constructor(path: string) {
    const [folder, prefix] = [dirname(path), basename(path)];
    this.#watcher = watch(folder, (_, name) => {
      // What happens to the folder itself comes by its name.
      if (name !== null && name !== basename(folder) && !name.startsWith(prefix)) return;
      this.#hasChanged = true;
      this.#wake();
    });
    this.#watcher.on("error", (error) => {
      this.#failure = error;
      this.#wake();
    });
  }

  /** Resolves at a change since the last call, or when one of the signals is aborted. */
  async changed(signals: readonly AbortSignal[]): Promise<void> {
    if (!this.#hasChanged && this.#failure === undefined && !signals.some(({ aborted }) => aborted)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#wake = wake;
      for (const signal of signals) signal.addEventListener("abort", wake);
      await promise;
      for (const signal of signals) signal.removeEventListener("abort", wake);
    }
    this.#hasChanged = false;
    if (this.#failure !== undefined) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
