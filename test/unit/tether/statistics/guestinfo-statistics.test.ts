import { deepEqual, equal } from "node:assert/strict";
import { tether } from "../../../../src/protocol/generated/stats.js";
import type { Subscription } from "../../../../src/stats/index.ts";
import { GuestinfoStatistics } from "../../../../src/tether/statistics/guestinfo-statistics.ts";

const PREFIX = "guestinfo.tether.stats.";

/** A sampler whose samples come when the test says so, and a host that takes them or does not. */
class TestHost {
  readonly writes: [string, string][] = [];
  readonly reports: string[] = [];
  pids = 1;
  refusal: Error | undefined;
  /** Each key is taken when this is resolved. */
  answer: Promise<void> = Promise.resolve();
  #subscription: Subscription | undefined;
  #seconds = 0;

  start(): () => void {
    const statistics = new GuestinfoStatistics({
      guestinfo: { set: (key, value) => this.#set(key, value) },
      sampler: {
        subscribe: (subscription) => {
          this.#subscription = subscription;
          return () => {
            this.#subscription = undefined;
          };
        },
        plainSample: () => ({ sample: this.#sample(), reading: undefined as never }),
      },
      periodMs: 20_000,
      report: (message) => void this.reports.push(message),
    });
    return statistics.start();
  }

  /** @returns whether the sample was taken. */
  async sample(): Promise<boolean> {
    const isReady = this.#subscription?.isReady() ?? false;
    if (isReady) this.#subscription?.send(undefined as never);
    await new Promise(setImmediate);
    return isReady;
  }

  /** The keys that were written since this was asked last, without their common beginning. */
  take(): Record<string, string> {
    return Object.fromEntries(this.writes.splice(0).map(([key, value]) => [key.replace(PREFIX, ""), value]));
  }

  #sample(): Buffer {
    this.#seconds += 20;
    const time = this.#seconds * 1_000_000;
    const sample = {
      monotonicUs: time,
      wallUs: 1_800_000_000_000_000 + time,
      containerPids: { current: this.pids },
    };
    return Buffer.from(tether.stats.Sample.encode(sample).finish());
  }

  #set(key: string, value: string): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.writes.push([key, value]);
    return this.answer;
  }
}

describe("statistics in guestinfo", () => {
  it("are written from the second sample on: the whole sample, readable ones, and the time", async () => {
    const host = new TestHost();
    host.start();
    await host.sample();
    deepEqual(host.take(), {});
    await host.sample();
    const order = host.writes.map(([key]) => key.replace(PREFIX, ""));
    deepEqual([order[0], order.at(-1)], ["sample", "time"]);
    const { sample = "", time, pids, cpu_percent: cpu } = host.take();
    // A space is what a key without a value has.
    deepEqual([time, pids, cpu], ["2027-01-15T08:00:40.000Z", "1", " "]);
    const decoded = tether.stats.Sample.decode(Buffer.from(sample, "base64"));
    equal(decoded.containerPids?.current, 1);
  });

  it("are not written again when nothing has changed, and then only what has", async () => {
    const host = new TestHost();
    host.start();
    for (let count = 0; count < 2; count++) await host.sample();
    host.take();
    for (let count = 0; count < 5; count++) await host.sample();
    deepEqual(host.take(), {});
    host.pids = 7;
    await host.sample();
    deepEqual(Object.keys(host.take()), ["sample", "pids", "time"]);
  });

  it("are left out while the host is slow", async () => {
    const host = new TestHost();
    host.start();
    await host.sample();
    const slow = Promise.withResolvers<void>();
    host.answer = slow.promise;
    deepEqual([await host.sample(), await host.sample()], [true, false]);
    equal(host.writes.length, 1, "one key at a time");
    slow.resolve();
    while (host.take()["time"] === undefined) await new Promise(setImmediate);
    equal(await host.sample(), true);
  });

  it("tell of a host that refuses once, and write everything again when it does not any more", async () => {
    const host = new TestHost();
    host.start();
    for (let count = 0; count < 2; count++) await host.sample();
    host.take();
    host.refusal = new Error("no");
    host.pids = 8;
    for (let count = 0; count < 3; count++) await host.sample();
    deepEqual(host.reports, ["no"]);
    host.refusal = undefined;
    await host.sample();
    equal(host.take()["pids"], "8");
  });

  it("end", async () => {
    const host = new TestHost();
    host.start()();
    equal(await host.sample(), false);
  });
});
