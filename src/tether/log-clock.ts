import type { Time } from "../protocol/control-messages.ts";

/** Date.now() is cut to milliseconds and a clock is slewed; anything beyond means that somebody has set it. */
const TOLERANCE_MS = 10;

const NANOSECONDS = 1_000_000_000;

/** What tells the time: the wall clock in milliseconds, and the monotonic one in seconds and nanoseconds. */
export interface ClockSources {
  readonly wallMs: () => number;
  readonly monotonic: () => readonly [seconds: number, nanoseconds: number];
}

const REAL_SOURCES: ClockSources = { wallMs: () => Date.now(), monotonic: () => process.hrtime() };

/**
 * The wall clock in nanoseconds: the monotonic clock, laid beside the wall clock once and again whenever that was
 * set (by the host, after a fork or a pause).
 */
export class LogClock {
  readonly #sources: ClockSources;
  /** What the monotonic clock has to be put forward by; the fraction is positive. */
  #offset: { readonly seconds: number; readonly nanoseconds: number } = { seconds: 0, nanoseconds: 0 };

  constructor(sources: ClockSources = REAL_SOURCES) {
    this.#sources = sources;
  }

  now(): Time {
    const wallMs = this.#sources.wallMs();
    const monotonic = this.#sources.monotonic();
    const time = this.#put(monotonic);
    if (Math.abs(time.seconds * 1000 + time.nanoseconds / 1_000_000 - wallMs) <= TOLERANCE_MS) return time;
    this.#anchor(wallMs, monotonic);
    return this.#put(monotonic);
  }

  #put([seconds, nanoseconds]: readonly [number, number]): { seconds: number; nanoseconds: number } {
    const sum = nanoseconds + this.#offset.nanoseconds;
    const carry = sum >= NANOSECONDS ? 1 : 0;
    return { seconds: seconds + this.#offset.seconds + carry, nanoseconds: sum - carry * NANOSECONDS };
  }

  #anchor(wallMs: number, [seconds, nanoseconds]: readonly [number, number]): void {
    const wallSeconds = Math.floor(wallMs / 1000);
    const difference = (wallMs - wallSeconds * 1000) * 1_000_000 - nanoseconds;
    const borrow = difference < 0 ? 1 : 0;
    this.#offset = {
      seconds: wallSeconds - seconds - borrow,
      nanoseconds: difference + borrow * NANOSECONDS,
    };
  }
}
