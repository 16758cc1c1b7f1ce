import { deepEqual, equal, ok } from "node:assert/strict";
import { Sampler, type Subscription } from "../../../src/stats/index.ts";
import { type EncodedSample, type Reading } from "../../../src/stats/encoding/sample-encoder.ts";
import { messageShape, sampleShape } from "../../../src/stats/encoding/shape.ts";
import { ALL_GROUPS, FIELDS, GROUP } from "../../../src/stats/values/schema.ts";
import { addSamples } from "../../support/add-samples.ts";
import { decodeFrame, type Sample } from "../../support/kernel-folders.ts";

const SHAPE = sampleShape([
  { group: GROUP.CONTAINER_PIDS, message: messageShape({ field: 8, row: 0, numbers: FIELDS.ContainerPids }) },
]);

/** A kernel whose numbers are how often it was read, and a clock that only the test moves. */
class TestTime {
  now = 0;
  readings = 0;
  readonly delays: number[] = [];
  readonly sampler: Sampler = new Sampler(
    { read: () => this.#read(), noteDelay: (lateMs) => void this.delays.push(lateMs) },
    {
      now: () => this.now,
      after: (delayMs, work) => {
        const timer = { at: this.now + delayMs, work };
        this.#timers.push(timer);
        return () => void this.#timers.splice(this.#timers.indexOf(timer), 1);
      },
    },
  );
  readonly #timers: { at: number; work: () => void }[] = [];

  get timers(): number {
    return this.#timers.length;
  }

  #read(): Reading {
    this.readings += 1;
    const values = Float64Array.from([this.readings, 1000, Number.NaN]);
    return { monotonicUs: this.now * 1000 + 1, wallUs: 1, shape: SHAPE, values };
  }

  /** Time passes, and every timer comes when it is due, or as much later. */
  pass(milliseconds: number, lateMs = 0): void {
    const until = this.now + milliseconds;
    for (;;) {
      const next = this.#timers
        .filter(({ at }) => at + lateMs <= until)
        .sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.now = Math.max(next.at + lateMs, this.now);
      this.#timers.splice(this.#timers.indexOf(next), 1);
      next.work();
    }
    this.now = until;
  }
}

class Receiver {
  readonly frames: Buffer[] = [];
  isReady = true;
  known: Sample = {};
  readonly end: () => void;

  constructor(time: TestTime, options: Partial<Subscription> = {}) {
    this.end = time.sampler.subscribe({
      ...{ periodMs: 1000, groups: ALL_GROUPS, delta: true },
      ...options,
      isReady: () => this.isReady,
      send: (sample) => this.#take(sample),
    });
  }

  #take({ frame }: EncodedSample): void {
    this.frames.push(frame);
    const sample = decodeFrame(frame);
    this.known = sample.delta ? addSamples(this.known, sample) : sample;
  }

  get samples(): Sample[] {
    return this.frames.map(decodeFrame);
  }
}

describe("the sampler", () => {
  it("gives the first sample at once, and then one each period", () => {
    const time = new TestTime();
    time.now = 12_345;
    const receiver = new Receiver(time);
    equal(receiver.frames.length, 1);
    time.pass(10_000);
    equal(receiver.frames.length, 11);
    equal(receiver.known.containerPids?.current, time.readings);
  });

  it("reads once for all who are due together", () => {
    const time = new TestTime();
    time.now = 77;
    const receivers = [1000, 1000, 500, 2000].map((periodMs) => new Receiver(time, { periodMs }));
    equal(time.readings, 1, "who comes at the same time shares the first one too");
    time.now += 50;
    receivers.push(new Receiver(time, { periodMs: 1000 }));
    equal(time.readings, 2);
    time.pass(9873);
    equal(time.now, 10_000);
    equal(time.readings, 2 + 20, "a reading each half second serves all of them");
    deepEqual(
      receivers.map(({ frames }) => frames.length),
      [11, 11, 21, 6, 11],
    );
  });

  it("encodes once what many are to get", () => {
    const time = new TestTime();
    const receivers = Array.from({ length: 100 }, () => new Receiver(time));
    time.pass(3000);
    const [first] = receivers;
    for (const { frames } of receivers) ok(frames.every((frame, index) => frame === first?.frames[index]));
  });

  it("tells each the difference to what it had, also when it has missed some", () => {
    const time = new TestTime();
    const slow = new Receiver(time);
    const quick = new Receiver(time);
    time.pass(2000);
    slow.isReady = false;
    time.pass(5000);
    equal(slow.frames.length, 3);
    slow.isReady = true;
    time.pass(1000);
    equal(slow.frames.length, 4);
    deepEqual([slow.known.containerPids?.current, slow.known.lost], [time.readings, 5]);
    equal(slow.samples.at(-1)?.delta, true);
    equal(quick.known.lost ?? 0, 0);
    equal(quick.frames.length, 9);
  });

  it("counts a first sample that could not be taken", () => {
    const time = new TestTime();
    let isReady = false;
    const samples: Sample[] = [];
    time.sampler.subscribe({
      ...{ periodMs: 1000, groups: ALL_GROUPS, delta: true, isReady: () => isReady },
      send: ({ frame }) => void samples.push(decodeFrame(frame)),
    });
    time.pass(2000);
    isReady = true;
    time.pass(1000);
    deepEqual(
      samples.map(({ lost, delta }) => [lost, delta]),
      [[3, false]],
    );
  });

  it("gives full samples to whoever wants no differences", () => {
    const time = new TestTime();
    const receiver = new Receiver(time, { delta: false });
    time.pass(3000);
    ok(receiver.samples.every(({ delta, containerPids }) => !delta && containerPids?.peak === 1000));
  });

  it("lets no timers pile up when it is late, and says how late", () => {
    const time = new TestTime();
    const receiver = new Receiver(time, { periodMs: 100 });
    time.pass(1000, 350);
    equal(time.timers, 1);
    ok(receiver.frames.length <= 4, `${receiver.frames.length} samples`);
    ok(time.delays.every((delay) => delay === 350));
  });

  it("gives one sample for a timer that comes early", () => {
    const time = new TestTime();
    time.now = 0.4;
    const receiver = new Receiver(time, { periodMs: 100 });
    time.pass(150, -0.6);
    equal(receiver.frames.length, 2);
    equal(time.readings, 2);
  });

  it("has no timer when nobody is there", () => {
    const time = new TestTime();
    const [one, other] = [new Receiver(time), new Receiver(time, { periodMs: 100 })];
    one.end();
    equal(time.timers, 1);
    other.end();
    other.end();
    equal(time.timers, 0);
    time.pass(5000);
    equal(time.readings, 1);
  });

  it("changes the timer when somebody comes who is due sooner", () => {
    const time = new TestTime();
    const patient = new Receiver(time, { periodMs: 3_600_000 });
    const receiver = new Receiver(time, { periodMs: 100 });
    time.pass(1000);
    deepEqual([patient.frames.length, receiver.frames.length], [1, 11]);
  });

  it("answers a request for one sample with a fresh reading, for many at once with one", () => {
    const time = new TestTime();
    const pids = (): number | null | undefined =>
      decodeFrame(time.sampler.sample(ALL_GROUPS).frame).containerPids?.current;
    deepEqual([pids(), pids()], [1, 1]);
    time.now += 1000;
    equal(pids(), 2);
  });

  it("can be left from within", () => {
    const time = new TestTime();
    let count = 0;
    const end = time.sampler.subscribe({
      ...{ periodMs: 100, groups: ALL_GROUPS, delta: true, isReady: () => true },
      send: () => {
        count += 1;
        if (count === 2) end();
      },
    });
    const other = new Receiver(time, { periodMs: 100 });
    time.pass(1000);
    equal(other.frames.length, 11);
    equal(count, 2);
  });
});
