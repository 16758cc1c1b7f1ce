import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What an agent that takes over has to know: plain data as JSON, in one file in memory (a tmpfs) that is old or new.
 */
export class SavedState<Content> {
  readonly #folder: string;
  readonly #path: string;

  /** @param folder is made when something is written; only the agent can look into it. */
  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#path = join(folder, name);
  }

  /** Undefined when nothing was written. */
  read(): Content | undefined {
    // Our own agent wrote it.
    return existsSync(this.#path) ? (JSON.parse(readFileSync(this.#path, "utf8")) as Content) : undefined;
  }

  write(content: Content): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#path}.new`, JSON.stringify(content), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}
