import assert from "node:assert/strict";
import type { RestartPolicy } from "../../../../src/portlayer/execution/container-settings.ts";
import {
  isKeptUp,
  mayRestart,
  nextPauseMs,
  remainingPolicy,
} from "../../../../src/portlayer/execution/restart-policy.ts";

const policy = (name: RestartPolicy["name"], maximumRetryCount = 0): RestartPolicy => ({
  name,
  maximumRetryCount,
});
const KILLED = { code: 0, signal: 9 };
const DONE = { code: 0, signal: 0 };

describe("a restart policy on the host", () => {
  it("counts a machine that was killed as a failure, up to its limit", () => {
    assert.equal(mayRestart(policy("no"), KILLED, 0), false);
    assert.equal(mayRestart(policy("always"), DONE, 1000), true);
    assert.equal(mayRestart(policy("unless-stopped"), KILLED, 1000), true);
    assert.equal(mayRestart(policy("on-failure"), DONE, 0), false);
    assert.equal(mayRestart(policy("on-failure"), KILLED, 1000), true);
    assert.equal(mayRestart(policy("on-failure", 2), KILLED, 1), true);
    assert.equal(mayRestart(policy("on-failure", 2), KILLED, 2), false);
  });

  it("leaves to a guest what others have not used up", () => {
    assert.deepEqual(remainingPolicy(policy("always"), 7), policy("always"));
    assert.deepEqual(remainingPolicy(policy("on-failure"), 7), policy("on-failure"));
    assert.deepEqual(remainingPolicy(policy("on-failure", 3), 2), policy("on-failure", 1));
    // Without a number it would have no limit.
    assert.deepEqual(remainingPolicy(policy("on-failure", 3), 3), policy("no"));
  });

  it("keeps `always` up whoever has stopped it, `unless-stopped` only otherwise", () => {
    assert.equal(isKeptUp(policy("always"), { isEnded: true }), true);
    assert.equal(isKeptUp(policy("unless-stopped"), { isEnded: true }), false);
    assert.equal(isKeptUp(policy("unless-stopped"), {}), true);
    assert.equal(isKeptUp(policy("on-failure"), {}), false);
  });

  it("rests twice as long each time, a minute at most, and anew behind ten seconds", () => {
    const started = "2026-02-02T00:00:00.000Z";
    const [soon, later] = ["2026-02-02T00:00:09.999Z", "2026-02-02T00:00:10.000Z"];
    const rest = (pauseMs: number, finished: string): number =>
      nextPauseMs({ restarts: { count: 1, pauseMs }, started, finished });
    assert.equal(nextPauseMs({ started, finished: soon }), 100);
    assert.equal(rest(0, soon), 100);
    assert.equal(rest(100, soon), 200);
    assert.equal(rest(51_200, soon), 60_000);
    assert.equal(rest(51_200, later), 100);
  });
});
