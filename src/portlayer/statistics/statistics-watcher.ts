import { setTimeout as delay } from "node:timers/promises";
import { TetherError } from "../../protocol/errors/index.ts";
import type { Facts } from "./read-facts.ts";
import type { Sample } from "./sample-shape.ts";
import { takePair } from "./sample-pair.ts";
import type { StatisticsChannel, Subscription } from "./statistics-channel.ts";

/** What a watcher needs. */
export interface WatcherComponents {
  /** Opens the statistics of the container with this id. */
  readonly open: (
    id: string,
    signal: AbortSignal,
  ) => Promise<AsyncDisposable & { readonly statistics: StatisticsChannel }>;
  readonly subscription: Subscription;
  /** Whether an earlier sample is asked for first, so that there are rates at once. */
  readonly takesPast: boolean;
  /** Whether each is asked once what its machine is. */
  readonly takesFacts?: boolean;
  /** Is told of each sample. What it throws ends the stream of this container until the next attempt. */
  readonly onSample?: (id: string, sample: Sample) => void;
}

/** What is known of one container's statistics: exactly one of `now` and `error` is set once anything is. */
export interface Watched {
  readonly now?: Sample;
  readonly before?: Sample;
  /** Undefined also where the guest does not tell. */
  readonly facts?: Facts;
  /** When `now` came, by performance.now(). */
  readonly receivedMs?: number;
  /** Why there is nothing at the moment; it is tried again. */
  readonly error?: TetherError;
}

/** A link that breaks because the agent is started again is there after a second; a guest that sends garbage waits. */
const RETRY_MS = { first: 500, most: 30_000 } as const;

/**
 * Holds the latest statistics of any number of container VMs that come and go, each on a stream of its own: one that
 * hangs or lies concerns no other. Nobody who asks for the latest waits for a guest.
 */
export class StatisticsWatcher implements AsyncDisposable {
  readonly #components: WatcherComponents;
  readonly #followed = new Map<string, Follower>();
  #changed = Promise.withResolvers<void>();

  constructor(components: WatcherComponents) {
    this.#components = components;
  }

  /** From now on these containers are watched and no others. They should be up. */
  watch(ids: Iterable<string>): void {
    const wanted = new Set(ids);
    for (const [id, follower] of this.#followed) {
      if (wanted.has(id)) continue;
      follower.stop();
      this.#followed.delete(id);
    }
    for (const id of wanted)
      if (!this.#followed.has(id))
        this.#followed.set(id, new Follower(id, this.#components, () => this.#tell()));
  }

  /** Undefined for a container that is not watched. */
  latest(id: string): Watched | undefined {
    return this.#followed.get(id)?.latest;
  }

  /** Resolves when there is a sample or an error of each container that is watched now. */
  async settled(): Promise<void> {
    for (;;) {
      const all = [...this.#followed.values()];
      if (all.every(({ latest }) => latest.now !== undefined || latest.error !== undefined)) return;
      await this.#changed.promise;
    }
  }

  /** Ends all streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#followed.values()];
    this.watch([]);
    await Promise.all(all.map(({ ended }) => ended));
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** One container's stream, made anew when it breaks. */
class Follower {
  readonly #id: string;
  readonly #components: WatcherComponents;
  readonly #tell: () => void;
  readonly #stop = new AbortController();
  readonly ended: Promise<void>;
  latest: Watched = {};
  /** Asked once: a guest that tells other ones each time would make metrics without an end. */
  #facts: Facts | undefined;
  #hasAsked = false;

  constructor(id: string, components: WatcherComponents, tell: () => void) {
    this.#id = id;
    this.#components = components;
    this.#tell = tell;
    this.ended = this.#follow();
  }

  stop(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs: number = RETRY_MS.first;
    while (!signal.aborted) {
      const startMs = performance.now();
      await this.#stream(signal).catch((error: unknown) => {
        if (!signal.aborted) this.#set({ error: TetherError.from(error, "internal", "statistics") });
      });
      // A stream that has lasted was a good one.
      if (performance.now() - startMs > RETRY_MS.most) pauseMs = RETRY_MS.first;
      await delay(pauseMs, undefined, { signal }).catch(() => {
        // Nobody wants it any more; the loop's condition tells.
      });
      pauseMs = Math.min(2 * pauseMs, RETRY_MS.most);
    }
  }

  async #stream(signal: AbortSignal): Promise<void> {
    const { open, subscription, takesPast } = this.#components;
    await using access = await open(this.#id, signal);
    // What waits for the guest ends with its connection.
    const close = (): void => access.statistics.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      signal.throwIfAborted();
      if (this.#components.takesFacts === true) await this.#askForFacts(access.statistics);
      const pair = takesPast
        ? await takePair(access.statistics, subscription.groups ?? [], signal)
        : undefined;
      if (pair !== undefined) this.#set({ ...pair, receivedMs: performance.now() });
      await this.#take(access.statistics.subscribe(subscription), pair?.now);
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  async #askForFacts(statistics: StatisticsChannel): Promise<void> {
    if (this.#hasAsked) return;
    try {
      this.#facts = await statistics.facts();
    } catch (error) {
      // An agent of before there were any refuses, and goes on; of one that lies there are none.
      if (!(error instanceof TetherError) || error.code !== "link-protocol") throw error;
    }
    this.#hasAsked = true;
  }

  async #take(samples: AsyncGenerator<Sample>, first: Sample | undefined): Promise<void> {
    let before = first;
    for await (const now of samples) {
      this.#components.onSample?.(this.#id, now);
      // The subscription begins with a sample at once, which says nothing of a rate.
      if (before !== undefined && now.monotonicUs - before.monotonicUs < MIN_RATE_GAP_US) continue;
      this.#set({ now, receivedMs: performance.now(), ...(before === undefined ? {} : { before }) });
      before = now;
    }
  }

  #set(latest: Watched): void {
    this.latest = this.#facts === undefined ? latest : { ...latest, facts: this.#facts };
    this.#tell();
  }
}

/** A tenth of a second, the shortest period that can be asked for, less what timers are early. */
const MIN_RATE_GAP_US = 90_000;
