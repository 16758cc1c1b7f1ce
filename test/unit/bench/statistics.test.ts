import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import { findSmallest } from "../../../bench/find-smallest.ts";
import { formatRange, median, percentile } from "../../../bench/statistics.ts";

describe("the benchmark's statistics", () => {
  it("the median is the middle value, or the mean of the two in the middle", () => {
    equal(median([7]), 7);
    equal(median([9, 1, 100]), 9);
    equal(median([4, 1, 3, 2]), 2.5);
  });

  it("the median leaves the samples in their order and compares numbers, not words", () => {
    const samples = [10, 9, 100];
    equal(median(samples), 10);
    equal(samples.join(), "10,9,100");
  });

  it("there is no median of nothing", () => {
    throws(() => median([]), /nothing/);
  });

  it("a range names the extremes", () => equal(formatRange([3, 1.25, 2], 1), "1.3-3.0"));

  it("halving finds the first candidate that does, in a few attempts, and every answer was tried", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 31 }),
        async (count, first) => {
          const candidates = Array.from({ length: count }, (_, index) => index * 4);
          const tried: number[] = [];
          const found = await findSmallest(candidates, async (candidate) => {
            tried.push(candidate);
            return candidate >= first * 4;
          });
          equal(found, first < count ? first * 4 : undefined);
          equal(found === undefined || tried.includes(found), true);
          equal(tried.length <= 5, true);
        },
      ),
    );
  });

  it("a percentile is the value that so many do not exceed", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    deepEqual(
      [0.5, 0.99, 1, 0.001].map((share) => percentile(values, share)),
      [50, 99, 100, 1],
    );
    equal(percentile([7], 0.99), 7);
    throws(() => percentile([], 0.99), /nothing/);
  });
});
