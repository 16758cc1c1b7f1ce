import assert from "node:assert/strict";
import { type RestartPolicy, Restarts } from "../../../src/session/restart-policy.ts";

const policy = (kind: RestartPolicy["kind"], maximumRetryCount = 0): RestartPolicy => ({
  kind,
  maximumRetryCount,
});

/** The pauses of a process that fails at once, so many times. */
function pauses(restarts: Restarts, times: number): Array<number | undefined> {
  return Array.from({ length: times }, () => restarts.next(true, 0));
}

describe("a restart policy", () => {
  it("doubles its pause from a tenth of a second to a minute", () => {
    const doubled = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000];
    for (const kind of ["always", "unless-stopped", "on-failure"] as const) {
      const restarts = new Restarts(policy(kind));
      assert.deepEqual(pauses(restarts, 12), doubled, kind);
      assert.equal(restarts.count, 12);
    }
  });

  it("begins anew with a process that ran for ten seconds", () => {
    const restarts = new Restarts(policy("always"));
    pauses(restarts, 3);
    assert.equal(restarts.next(true, 9999), 800);
    assert.equal(restarts.next(true, 10_000), 100);
    assert.equal(restarts.next(true, 0), 200);
  });

  it("of no is never", () => {
    const restarts = new Restarts(policy("no"));
    assert.deepEqual(
      [restarts.next(true, 0), restarts.next(false, 99_999), restarts.count],
      [undefined, undefined, 0],
    );
  });

  it("on failure leaves a process alone that ended well, and one that failed too often", () => {
    assert.equal(new Restarts(policy("on-failure")).next(false, 0), undefined);
    const restarts = new Restarts(policy("on-failure", 2));
    assert.deepEqual(pauses(restarts, 4), [100, 200, undefined, undefined]);
    assert.equal(restarts.count, 2);
  });

  it("of always starts a process that ended well again, too", () => {
    assert.equal(new Restarts(policy("always")).next(false, 0), 100);
    assert.equal(new Restarts(policy("unless-stopped")).next(false, 0), 100);
  });

  it("counts from the next end on when it is changed", () => {
    const restarts = new Restarts(policy("no"));
    restarts.change(policy("always"));
    assert.equal(restarts.next(false, 0), 100);
    restarts.change(policy("on-failure", 1));
    assert.equal(restarts.next(true, 0), undefined);
  });
});
