import { tether } from "../../protocol/generated/stats.js";
import { STATISTICS_KEY } from "../../protocol/guestinfo/index.ts";
import { ALL_GROUPS, type Sampler } from "../../stats/index.ts";
import { readableStatistics } from "../../stats/readable-statistics.ts";
import type { GuestInfo } from "../guestinfo/index.ts";

type Sample = tether.stats.Sample.$Properties;

/** A key that has lost its value: an empty one cannot be set. */
const NOTHING = " ";

/** What the keys are written with. */
export interface GuestinfoStatisticsParts {
  readonly guestinfo: Pick<GuestInfo, "set">;
  readonly sampler: Pick<Sampler, "subscribe" | "plainSample">;
  readonly periodMs: number;
  /** Told once when the host refuses, and once more after it has taken something again. */
  readonly report: (message: string) => void;
}

/**
 * Writes statistics into guestinfo, for whoever looks at the VM's settings: readable keys, and the whole sample. What is
 * as before is not written again, and when all of the readable ones are, neither is the sample nor its time. While the
 * host is slow, samples are left out.
 */
export class GuestinfoStatistics {
  readonly #parts: GuestinfoStatisticsParts;
  readonly #written = new Map<string, string>();
  #before: Sample | undefined;
  #isWriting = false;
  #hasFailed = false;

  constructor(parts: GuestinfoStatisticsParts) {
    this.#parts = parts;
  }

  /** The first keys are written after one period: rates need two samples. @returns ends it. */
  start(): () => void {
    const { sampler, periodMs } = this.#parts;
    return sampler.subscribe({
      ...{ periodMs, groups: ALL_GROUPS, delta: false },
      isReady: () => !this.#isWriting,
      send: () => this.#take(),
    });
  }

  #take(): void {
    const { sample } = this.#parts.sampler.plainSample(ALL_GROUPS);
    const now = tether.stats.Sample.decode(sample);
    const before = this.#before;
    this.#before = now;
    if (before !== undefined) void this.#write(before, now, sample);
  }

  async #write(before: Sample, now: Sample, sample: Buffer): Promise<void> {
    const changed = [...readableStatistics(before, now)]
      .map(([name, value]) => [`${STATISTICS_KEY}.${name}`, value ?? NOTHING] as const)
      .filter(([key, value]) => this.#written.get(key) !== value);
    if (changed.length === 0) return;
    const time = new Date((now.wallUs ?? 0) / 1000).toISOString();
    this.#isWriting = true;
    try {
      await this.#set(`${STATISTICS_KEY}.sample`, sample.toString("base64"));
      for (const [key, value] of changed) await this.#set(key, value);
      await this.#set(`${STATISTICS_KEY}.time`, time);
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#parts.report(error instanceof Error ? error.message : String(error));
      this.#hasFailed = true;
    } finally {
      this.#isWriting = false;
    }
  }

  async #set(key: string, value: string): Promise<void> {
    // What a write that fails has left behind is not known.
    this.#written.delete(key);
    await this.#parts.guestinfo.set(key, value);
    this.#written.set(key, value);
  }
}
