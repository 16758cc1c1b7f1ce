import { readContainerFile } from "../session/index.ts";
import type { System } from "../system/system.ts";

/** The container's names of its users, read from its own /etc/passwd each time somebody asks. */
export class UserNames {
  readonly #system: System;
  readonly #root: () => number | undefined;

  /** @param root descriptor of the container's root directory. */
  constructor(system: System, root: () => number | undefined) {
    this.#system = system;
    this.#root = root;
  }

  /** Empty for a user without a name. */
  nameOf(uid: number): string {
    const root = this.#root();
    const passwd = root === undefined ? undefined : readContainerFile(this.#system, root, "/etc/passwd");
    const entries = (passwd ?? "").split("\n").map((line) => line.split(":"));
    return entries.find(([, , number]) => number === String(uid))?.[0] ?? "";
  }
}
