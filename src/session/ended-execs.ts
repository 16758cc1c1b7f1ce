import type { Session } from "./session.ts";

/** So many execs that have ended are still known; Docker forgets them at its leisure, too. */
const MOST_ENDED = 256;

/** What execs that have ended printed last is kept for a client that lost its link, the latest of it. */
const MOST_KEPT_BYTES = 16 * 1024 * 1024;

/** What is asked of an exec that has ended. */
export interface EndedExec {
  readonly session: Pick<Session, "isRead" | "keptBytes" | "shed">;
}

/** The execs of a container that have ended, in the order of their ends: as many as are still worth knowing. */
export class EndedExecs<Exec extends EndedExec> {
  readonly #ended = new Set<Exec>();
  /** Those whose output is still kept, or was when that was last looked at. */
  readonly #kept = new Set<Exec>();
  readonly #forget: (exec: Exec) => void;

  /** @param forget gets what is no longer known, once for each. */
  constructor(forget: (exec: Exec) => void) {
    this.#forget = forget;
  }

  get count(): number {
    return this.#ended.size;
  }

  /** One more has ended; older ones, which nobody reads, make room for it. */
  add(exec: Exec): void {
    this.#ended.add(exec);
    this.#kept.add(exec);
    this.#forgetOldest();
    this.#shed();
  }

  #forgetOldest(): void {
    let left = this.#ended.size - MOST_ENDED;
    for (const exec of this.#ended) {
      if (left-- <= 0) return;
      if (exec.session.isRead) continue;
      this.#ended.delete(exec);
      this.#kept.delete(exec);
      this.#forget(exec);
    }
  }

  #shed(): void {
    let bytes = 0;
    for (const exec of this.#kept) {
      const { keptBytes } = exec.session;
      bytes += keptBytes;
      if (keptBytes === 0) this.#kept.delete(exec);
    }
    for (const { session } of this.#kept) {
      if (bytes <= MOST_KEPT_BYTES) return;
      bytes -= session.keptBytes;
      session.shed();
      bytes += session.keptBytes;
    }
  }
}
