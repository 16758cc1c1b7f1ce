import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { StatisticsWatcher, takePair, type Watched } from "../../../../src/portlayer/statistics/index.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { FakeGuest } from "../../../support/fake-statistics.ts";

const SUBSCRIPTION = { periodMs: 1_000 };

describe("a pair of samples", () => {
  const signal = new AbortController().signal;

  it("takes the earlier one from what the guest has kept", async () => {
    const { statistics } = new FakeGuest(100, [97, 98, 99]).open();
    const { now, before } = await takePair(statistics, [], signal);
    assert.deepEqual([now.monotonicUs, before.monotonicUs], [100_000_000, 99_000_000]);
  });

  it("waits for the later one where the guest has kept none yet", async () => {
    const guest = new FakeGuest(1);
    const { statistics } = guest.open();
    const pair = takePair(statistics, [], signal);
    await delay(100);
    guest.pass(1);
    const { now, before } = await pair;
    assert.deepEqual([now.monotonicUs, before.monotonicUs], [2_000_000, 1_000_000]);
  });

  it("is not waited for any longer when nobody wants it", async () => {
    const stop = new AbortController();
    const pair = takePair(new FakeGuest(1).open().statistics, [], stop.signal);
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(pair, { name: "AbortError" });
  });
});

describe("a watcher of statistics", () => {
  let watcher: StatisticsWatcher | undefined;
  afterEach(() => watcher?.[Symbol.asyncDispose]());

  const watch = (
    guests: Record<string, FakeGuest>,
    takesPast = false,
    takesFacts = false,
  ): StatisticsWatcher => {
    watcher = new StatisticsWatcher({
      open: async (id) => {
        const guest = guests[id];
        if (guest === undefined) throw new TetherError("guest-not-connected", "no guest");
        return guest.open();
      },
      subscription: SUBSCRIPTION,
      ...{ takesPast, takesFacts },
    });
    return watcher;
  };
  const until = async (is: () => boolean): Promise<void> => {
    for (let turn = 0; !is(); turn++) {
      assert(turn < 400, "it does not come");
      await delay(5);
    }
  };
  const nowOf = (latest: Watched | undefined): number | undefined => latest?.now?.monotonicUs;

  it("holds the latest two samples of each container", async () => {
    const guests = { a: new FakeGuest(10), b: new FakeGuest(20) };
    const both = watch(guests);
    both.watch(["a", "b"]);
    await both.settled();
    assert.deepEqual([nowOf(both.latest("a")), nowOf(both.latest("b"))], [10_000_000, 20_000_000]);
    assert.equal(both.latest("a")?.before, undefined);
    guests.a.pass(1);
    await until(() => nowOf(both.latest("a")) === 11_000_000);
    assert.equal(both.latest("a")?.before?.monotonicUs, 10_000_000);
  });

  it("has an earlier sample from the beginning when that is wanted", async () => {
    const one = watch({ a: new FakeGuest(10, [8, 9]) }, true);
    one.watch(["a"]);
    await one.settled();
    assert.equal(one.latest("a")?.before?.monotonicUs, 9_000_000);
  });

  it("knows what their machines are when that is wanted, once and for all", async () => {
    const guests = { a: new FakeGuest(10), old: new FakeGuest(20) };
    guests.old.facts = undefined;
    const both = watch(guests, false, true);
    both.watch(["a", "old"]);
    await both.settled();
    assert.equal(both.latest("a")?.facts?.firmware.vendor, "SeaBIOS");
    assert.deepEqual([both.latest("old")?.facts, nowOf(both.latest("old"))], [undefined, 20_000_000]);
    guests.a.facts = { firmware: { vendor: "another one" } };
    guests.a.break();
    await until(() => both.latest("a")?.error !== undefined);
    guests.a.pass(1);
    await until(() => nowOf(both.latest("a")) === 11_000_000);
    assert.equal(both.latest("a")?.facts?.firmware.vendor, "SeaBIOS");
  });

  it("lets containers come and go, and closes the streams of those that went", async () => {
    const guests = { a: new FakeGuest(10), b: new FakeGuest(20) };
    const some = watch(guests);
    some.watch(["a"]);
    await some.settled();
    some.watch(["b"]);
    await some.settled();
    assert.equal(some.latest("a"), undefined);
    assert.equal(nowOf(some.latest("b")), 20_000_000);
    await until(() => guests.a.closed === 1);
    some.watch(["b"]);
    assert.deepEqual([guests.a.opened, guests.b.opened, guests.b.closed], [1, 1, 0]);
  });

  it("tells why there is nothing of one, and has the others all the same", async () => {
    const guests = { a: new FakeGuest(10), hostile: new FakeGuest(10, [], { monotonicUs: -1 }) };
    const all = watch(guests);
    all.watch(["a", "hostile", "absent"]);
    await all.settled();
    assert.equal(nowOf(all.latest("a")), 10_000_000);
    assert.equal(all.latest("hostile")?.error?.code, "link-protocol");
    assert.equal(all.latest("absent")?.error?.code, "guest-not-connected");
  });

  it("opens a stream that breaks anew", async () => {
    const guests = { a: new FakeGuest(10) };
    const one = watch(guests);
    one.watch(["a"]);
    await one.settled();
    guests.a.break();
    await until(() => one.latest("a")?.error !== undefined);
    assert.equal(one.latest("a")?.error?.code, "guest-lost");
    guests.a.pass(1);
    await until(() => nowOf(one.latest("a")) === 11_000_000);
    assert.deepEqual([guests.a.opened, guests.a.closed], [2, 1]);
  });

  it("ends at once though a guest does not answer", async () => {
    const guest = new FakeGuest(10);
    guest.isSilent = true;
    const silent = watch({ a: guest }, true);
    silent.watch(["a"]);
    await until(() => guest.opened === 1);
    const startMs = performance.now();
    await silent[Symbol.asyncDispose]();
    assert(performance.now() - startMs < 200);
    assert.equal(guest.closed, 1);
  });
});
