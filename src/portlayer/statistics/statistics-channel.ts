import type { Duplex } from "node:stream";
import { isErrorCode, TetherError } from "../../protocol/errors/index.ts";
import { DelimitedDecoder } from "../../protocol/length-delimited.ts";
import {
  decodeStatsMessage,
  encodeStatsRequest,
  type SampleMessage,
  type StatsGroup,
  type StatsMessage,
  type StatsRequest,
} from "../../protocol/stats-messages.ts";
import { type Facts, readFacts } from "./read-facts.ts";
import { readSample } from "./read-sample.ts";
import type { Sample } from "./sample-shape.ts";

/** A sample with 256 devices of each kind has 100 KiB; usual ones have one. */
const MAX_MESSAGE_BYTES = 256 * 1024;

/** A guest answers within milliseconds, on a busy machine under emulation within a second or two. */
const ANSWER_LIMIT_MS = 10_000;

/** Ten minutes at one second each, and some. */
const MAX_HISTORY = 1_000;

/** So many samples may come at once that were under way while nobody read; above that, twice as many as asked for. */
const BURST = 64;

/** A part of the statistics by its number in stats.proto. */
export type Group = (typeof StatsGroup)[keyof typeof StatsGroup];

/** What a subscriber wants. */
export interface Subscription {
  /** 100 to 3,600,000. */
  readonly periodMs: number;
  /** All if left out. */
  readonly groups?: readonly Group[];
}

/**
 * The subsystem `stats` of one guest, asked one thing after the other. What is wrong with it is a TetherError:
 * `link-protocol` for what cannot be, `timed-out` when nothing comes, `guest-lost` at the end of the channel, and
 * what the guest itself refuses. After any of them but a refusal nothing more can be asked. Who opened the channel
 * closes it.
 */
export class StatisticsChannel {
  readonly #channel: Duplex;
  readonly #messages: AsyncGenerator<StatsMessage>;
  #isClosed = false;
  /** Ends the waiting for the next message. */
  #endWait: ((reason: TetherError) => void) | undefined;

  constructor(channel: Duplex) {
    this.#channel = channel;
    this.#messages = messagesOf(channel);
  }

  /** One full sample, taken now. */
  async sample(groups: readonly Group[] = []): Promise<Sample> {
    this.#ask({ getSample: { groups: [...groups] } });
    const { sample } = await this.#next(ANSWER_LIMIT_MS);
    if (!sample) throw unexpected();
    return readSample(sample, undefined);
  }

  /** What the machine is. A guest whose agent is too old to know the request refuses it with `link-protocol`. */
  async facts(): Promise<Facts> {
    this.#ask({ getFacts: {} });
    const { facts } = await this.#next(ANSWER_LIMIT_MS);
    if (!facts) throw unexpected();
    return readFacts(facts);
  }

  /** What the guest has kept of the time after this one of its monotonic clock, oldest first. */
  async history(afterMonotonicMs: number): Promise<Sample[]> {
    this.#ask({ getHistory: { afterMonotonicMs } });
    const samples: Sample[] = [];
    for (;;) {
      const { sample, historyEnd } = await this.#next(ANSWER_LIMIT_MS);
      if (historyEnd) return samples;
      if (!sample || samples.length === MAX_HISTORY) throw unexpected();
      samples.push(readSample(sample, samples.at(-1)));
    }
  }

  /** A whole sample each period, the first at once, until the caller has enough or the channel ends. */
  async *subscribe({ periodMs, groups = [] }: Subscription): AsyncGenerator<Sample> {
    this.#ask({ subscribe: { periodMs, groups: [...groups], delta: true } });
    const flood = new FloodGuard(periodMs);
    let before: Sample | undefined;
    for (;;) {
      const message = await this.#next(ANSWER_LIMIT_MS + 2 * periodMs);
      flood.count();
      before = readSample(sampleOf(message), before);
      yield before;
    }
  }

  /** Nobody wants to know any more: what is waited for ends with `guest-lost`. The channel is left to its owner. */
  close(): void {
    this.#isClosed = true;
    this.#endWait?.(closed());
  }

  #ask(request: StatsRequest): void {
    this.#channel.write(encodeStatsRequest(request));
  }

  async #next(limitMs: number): Promise<StatsMessage> {
    if (this.#isClosed) throw closed();
    const { promise: tooLate, reject } = Promise.withResolvers<never>();
    this.#endWait = reject;
    const timer = setTimeout(() => {
      reject(new TetherError("timed-out", `the guest sent no statistics within ${limitMs / 1000} s`));
    }, limitMs);
    try {
      const next = this.#messages.next();
      // It may fail after its limit, when the channel is closed.
      next.catch(() => {});
      const { value, done } = await Promise.race([next, tooLate]);
      if (done === true) throw new TetherError("guest-lost", "the stream of statistics ended");
      if (value.error) throw refusal(value.error);
      return value;
    } finally {
      clearTimeout(timer);
    }
  }
}

async function* messagesOf(channel: Duplex): AsyncGenerator<StatsMessage> {
  const decoder = new DelimitedDecoder(MAX_MESSAGE_BYTES);
  try {
    for await (const chunk of channel)
      for (const bytes of decoder.push(chunk as Buffer)) yield decodeStatsMessage(bytes);
  } catch (error) {
    throw TetherError.from(error, "guest-lost", "the stream of statistics broke");
  }
}

function sampleOf({ sample }: StatsMessage): SampleMessage {
  if (!sample) throw unexpected();
  return sample;
}

/** Ends a stream that brings more than was asked for: each sample costs the host time. */
class FloodGuard {
  readonly #periodMs: number;
  readonly #startMs = performance.now();
  #count = 0;

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  count(): void {
    this.#count++;
    const asked = (performance.now() - this.#startMs) / this.#periodMs;
    if (this.#count > BURST + 2 * asked)
      throw new TetherError("link-protocol", "the guest sends more statistics than it was asked for");
  }
}

function refusal({
  code,
  message,
}: {
  readonly code?: string | null;
  readonly message?: string | null;
}): TetherError {
  const known = code ?? "";
  return new TetherError(isErrorCode(known) ? known : "internal", printable(message ?? ""));
}

/** What a guest says goes to a user's terminal. */
function printable(text: string): string {
  return text.slice(0, 1000).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

function closed(): TetherError {
  return new TetherError("guest-lost", "the statistics were closed");
}

function unexpected(): TetherError {
  return new TetherError(
    "link-protocol",
    "the guest answered the request for statistics with something else",
  );
}
