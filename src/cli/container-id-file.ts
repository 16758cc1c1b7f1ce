import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import { TetherError } from "../protocol/errors/index.ts";

/** Docker's --cidfile: gets the container's id once there is one, and goes when there is none in the end. */
export class ContainerIdFile implements Disposable {
  readonly #path: string | undefined;
  readonly #descriptor: number | undefined;
  #isWritten = false;

  /**
   * @param path undefined for no file.
   * @throws TetherError `invalid-option` in Docker's words when there is such a file, or none can be made.
   */
  constructor(path: string | undefined) {
    this.#path = path;
    if (path === undefined) return;
    if (existsSync(path))
      throw new TetherError(
        "invalid-option",
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    try {
      this.#descriptor = openSync(path, "wx", 0o644);
    } catch (error) {
      throw TetherError.from(error, "invalid-option", "failed to create the container ID file");
    }
  }

  write(id: string): void {
    if (this.#descriptor === undefined) return;
    writeSync(this.#descriptor, id);
    this.#isWritten = true;
  }

  [Symbol.dispose](): void {
    if (this.#descriptor === undefined || this.#path === undefined) return;
    closeSync(this.#descriptor);
    if (!this.#isWritten) rmSync(this.#path, { force: true });
  }
}
