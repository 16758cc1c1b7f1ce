import assert from "node:assert/strict";
import fc from "fast-check";
import { LogClock } from "../../../src/tether/log-clock.ts";

/** Both clocks, put where the test wants them. */
class FakeClocks {
  wall = 1_700_000_000_123_000_000n;
  monotonicTime = 41_999_999_999n;

  readonly wallMs = (): number => Number(this.wall / 1_000_000n);
  readonly monotonic = (): [number, number] => [
    Number(this.monotonicTime / 1_000_000_000n),
    Number(this.monotonicTime % 1_000_000_000n),
  ];

  pass(nanoseconds: bigint): void {
    this.wall += nanoseconds;
    this.monotonicTime += nanoseconds;
  }
}

const nanoseconds = (clock: LogClock): bigint => {
  const { seconds, nanoseconds: fraction } = clock.now();
  assert.ok(Number(fraction) >= 0 && Number(fraction) < 1e9);
  return BigInt(Number(seconds)) * 1_000_000_000n + BigInt(Number(fraction));
};

describe("the log's clock", () => {
  it("tells the wall clock's time, to the nanosecond", () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 10_000_000_000n })), (steps) => {
        const clocks = new FakeClocks();
        const clock = new LogClock(clocks);
        const start = nanoseconds(clock);
        assert.equal(start, clocks.wall);
        for (const step of steps) {
          clocks.pass(step);
          assert.equal(nanoseconds(clock), clocks.wall);
        }
      }),
    );
  });

  it("follows when the clock is set", () => {
    const clocks = new FakeClocks();
    const clock = new LogClock(clocks);
    clock.now();
    for (const step of [3600_000_000_000n, -7200_000_000_000n, 11_000_000n]) {
      clocks.wall += step;
      clocks.pass(5n);
      assert.equal(nanoseconds(clock) / 1_000_000n, clocks.wall / 1_000_000n);
    }
  });

  it("never goes back while nobody sets the clock", () => {
    const clock = new LogClock();
    let last = 0n;
    for (let round = 0; round < 10_000; round++) {
      const time = nanoseconds(clock);
      assert.ok(time >= last);
      last = time;
    }
    assert.ok(Math.abs(Number(last / 1_000_000n) - Date.now()) < 1000);
  });
});
