import { type EncodedSample, type Reading, SampleEncoder } from "../encoding/sample-encoder.ts";

/** What a sampler reads. */
export interface ReadingSource {
  read(): Reading;
  /** A timer was so late. */
  noteDelay(lateMs: number): void;
}

/** Time and timers; others in tests. */
export interface SamplerClock {
  /** Monotonic, in milliseconds. */
  now(): number;
  /** @returns cancels it. */
  after(delayMs: number, work: () => void): () => void;
}

/** Somebody who wants samples. */
export interface Subscription {
  readonly periodMs: number;
  /** Bit of each group. */
  readonly groups: number;
  /** Differences are wanted, with a full sample only when one is needed. */
  readonly delta: boolean;
  /** Whether another sample can be taken; when not, this one is lost. */
  isReady(): boolean;
  send(sample: EncodedSample): void;
}

interface Subscriber {
  readonly subscription: Subscription;
  due: number;
  /** What was really sent last. */
  base: Reading | undefined;
  lost: number;
}

/** A reading that is so fresh serves whoever comes: a hundred who come at once are not a hundred readings. */
const FRESH_MS = 20;

/** Node's timers may come a part of a millisecond early. */
const EARLY_MS = 1;

/**
 * Reads the kernel for all subscribers: each has its own period and groups, and those who are due together share one
 * reading, because all periods are counted from the same moment. A subscriber who cannot take a sample loses it; what
 * it gets next is the difference to what it had.
 */
export class Sampler {
  readonly #source: ReadingSource;
  readonly #clock: SamplerClock;
  readonly #encoder = new SampleEncoder();
  readonly #subscribers = new Set<Subscriber>();
  #reading: Reading | undefined;
  #readAt = 0;
  /** Samples of the present reading that are encoded already: most subscribers want the same one. */
  readonly #encoded = new Map<
    string,
    { readonly base: Reading | undefined; readonly sample: EncodedSample }
  >();
  #cancel: (() => void) | undefined;
  #wakeAt = 0;

  constructor(source: ReadingSource, clock: SamplerClock = NODE_CLOCK) {
    this.#source = source;
    this.#clock = clock;
  }

  /** The first sample is sent before this returns. @returns ends the subscription. */
  subscribe(subscription: Subscription): () => void {
    const now = this.#clock.now();
    const subscriber: Subscriber = {
      ...{ subscription, base: undefined, lost: 0 },
      due: nextDue(now, subscription.periodMs),
    };
    this.#subscribers.add(subscriber);
    this.#serve(subscriber, this.#freshReading(now));
    this.#schedule();
    return () => {
      if (this.#subscribers.delete(subscriber)) this.#schedule();
    };
  }

  /** One full sample: a Message. */
  sample(groups: number): EncodedSample {
    const reading = this.#freshReading(this.#clock.now());
    return this.#encode(reading, groups, undefined, 0);
  }

  /** One full Sample without a Message around it, and what it was made of. */
  plainSample(groups: number): { readonly sample: Buffer; readonly reading: Reading } {
    const reading = this.#freshReading(this.#clock.now());
    return { sample: this.#encoder.sample(reading, groups), reading };
  }

  #freshReading(now: number): Reading {
    if (this.#reading !== undefined && now - this.#readAt < FRESH_MS) return this.#reading;
    return this.#read(now);
  }

  #read(now: number): Reading {
    this.#encoded.clear();
    this.#readAt = now;
    this.#reading = this.#source.read();
    return this.#reading;
  }

  #serve(subscriber: Subscriber, reading: Reading): void {
    const { subscription } = subscriber;
    if (!subscription.isReady()) {
      subscriber.lost += 1;
      return;
    }
    const base = subscription.delta ? subscriber.base : undefined;
    const sample = this.#encode(reading, subscription.groups, base, subscriber.lost);
    subscriber.base = reading;
    subscription.send(sample);
  }

  #encode(reading: Reading, groups: number, base: Reading | undefined, lost: number): EncodedSample {
    const key = `${groups} ${lost} ${base === undefined ? "full" : base.monotonicUs}`;
    const known = this.#encoded.get(key);
    if (known !== undefined && known.base === base) return known.sample;
    const sample = this.#encoder.message({ reading, groups, base, lost });
    this.#encoded.set(key, { base, sample });
    return sample;
  }

  /** One timer, for whoever is due first. */
  #schedule(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const { due } of this.#subscribers) first = Math.min(first, due);
    if (this.#cancel !== undefined && first === this.#wakeAt) return;
    this.#cancel?.();
    this.#cancel = undefined;
    if (first === Number.POSITIVE_INFINITY) return;
    this.#wakeAt = first;
    this.#cancel = this.#clock.after(Math.max(first - this.#clock.now(), 0), () => this.#wake());
  }

  #wake(): void {
    this.#cancel = undefined;
    const now = this.#clock.now();
    this.#source.noteDelay(Math.max(now - this.#wakeAt, 0));
    let reading: Reading | undefined;
    for (const subscriber of this.#subscribers) {
      if (subscriber.due - now > EARLY_MS) continue;
      // However late this is, there is one sample for all that was missed.
      subscriber.due = nextDue(Math.max(now, subscriber.due), subscriber.subscription.periodMs);
      reading ??= this.#read(now);
      this.#serve(subscriber, reading);
    }
    this.#schedule();
  }
}

/** The next multiple of the period. */
function nextDue(now: number, periodMs: number): number {
  return (Math.floor(now / periodMs) + 1) * periodMs;
}

/** What is recorded each second is read then (native/addon/recorder.c), and a sample for the same second shares it. */
const BEHIND_RECORDER_MS = 3;

/** CLOCK_MONOTONIC, from which the recorder counts its seconds, less that. */
const ORIGIN_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now() - BEHIND_RECORDER_MS;

const NODE_CLOCK: SamplerClock = {
  now: () => ORIGIN_MS + performance.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
