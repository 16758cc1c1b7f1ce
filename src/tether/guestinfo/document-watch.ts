import { TetherError } from "../../protocol/errors/index.ts";
import { CONFIGURATION_KEY } from "../../protocol/guestinfo/index.ts";
import type { GuestInfo } from "./guest-info.ts";

/** VMware tells its guest of no change. A look is one request, of 64 KiB at most. */
const LOOK_EVERY_MS = 10_000;

/** What a watch needs. */
export interface WatchComponents {
  /** Asked beside everything else: the host may be slow. */
  readonly guestinfo: GuestInfo;
  /** Reads the whole document. */
  readonly read: () => Promise<Uint8Array | undefined>;
  /** Whether a document could be applied now. */
  readonly isReady: () => boolean;
  /** Applies a document. @returns what was changed. */
  readonly apply: (document: Uint8Array) => Promise<readonly string[]>;
  /** Is told of each document that was applied, or not. */
  readonly report: (outcome: ReloadOutcome) => void;
  /** Another one in tests. */
  readonly everyMs?: number;
}

/** What became of a document that was found in guestinfo. */
export type ReloadOutcome = { readonly changes: readonly string[] } | { readonly error: TetherError };

/**
 * Looks whether the host has set a newer document in guestinfo, and applies it while the container runs. A document
 * that cannot be applied is reported, and not tried again until the host sets another.
 */
export class DocumentWatch {
  readonly #components: WatchComponents;
  /** The key's value that was dealt with last; undefined before the first look. */
  #seen: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(components: WatchComponents) {
    this.#components = components;
  }

  /** Begins: the first look is at once, since the host may have set a document while nobody looked. */
  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** The next look is planned when this one is over: they never pile up behind a host that is slow. */
  async #look(): Promise<void> {
    const { isReady, report, everyMs = LOOK_EVERY_MS } = this.#components;
    try {
      if (isReady()) await this.#applyNewer();
    } catch (error) {
      report({ error: TetherError.from(error, "internal", "the document in guestinfo cannot be read") });
    }
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => void this.#look(), everyMs);
    // The container's end does not wait for it.
    this.#timer.unref();
  }

  async #applyNewer(): Promise<void> {
    const { guestinfo, read, apply, report } = this.#components;
    const value = await guestinfo.get(CONFIGURATION_KEY);
    if (value === undefined || value === this.#seen) return;
    const isFirst = this.#seen === undefined;
    this.#seen = value;
    const document = await read();
    if (document === undefined) return;
    try {
      const changes = await apply(document);
      if (changes.length > 0 || !isFirst) report({ changes });
    } catch (error) {
      report({ error: TetherError.from(error, "internal", "the document in guestinfo cannot be applied") });
    }
  }
}
