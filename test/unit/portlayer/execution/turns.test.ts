import assert from "node:assert/strict";
import { setImmediate as soon } from "node:timers/promises";
import { Turns } from "../../../../src/portlayer/execution/turns.ts";

describe("turns", () => {
  it("lets so many begin at once, and the others in their order", async () => {
    const turns = new Turns(2);
    const begun: number[] = [];
    const taken = [0, 1, 2, 3].map(async (number) => {
      const turn = await turns.take();
      begun.push(number);
      return turn;
    });
    const [first, second] = await Promise.all(taken.slice(0, 2));
    assert.deepEqual(begun, [0, 1]);
    second?.[Symbol.dispose]();
    // The second time it is nothing.
    second?.[Symbol.dispose]();
    await taken[2];
    await soon();
    assert.deepEqual(begun, [0, 1, 2]);
    first?.[Symbol.dispose]();
    await taken[3];
    assert.deepEqual(begun, [0, 1, 2, 3]);
  });

  it("forgets who does not want to wait any more", async () => {
    const turns = new Turns(1);
    const first = await turns.take();
    const stop = new AbortController();
    const given = turns.take(stop.signal);
    const next = turns.take();
    stop.abort(new Error("given up"));
    await assert.rejects(given, /given up/);
    await assert.rejects(turns.take(stop.signal), /given up/);
    first[Symbol.dispose]();
    using _turn = await next;
  });
});
