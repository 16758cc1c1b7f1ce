import assert from "node:assert/strict";
import type { Event } from "../../../src/protocol/control-messages.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { EventLog } from "../../../src/tether/event-log.ts";

describe("the event log", () => {
  it("numbers what happens from 1 on without a gap, with the time", () => {
    const log = new EventLog();
    log.started(12);
    log.exited({ code: 3, signal: 0, coreDumped: false });
    log.failed(new TetherError("command-not-found", "exec: no"));
    assert.deepEqual(
      log.events.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
    assert.ok(log.events.every(({ time }) => Number(time?.seconds) > 1_600_000_000));
    const [started, exited, failed] = log.events;
    assert.equal(started?.started?.pid, 12);
    assert.deepEqual(exited?.exited, { code: 3, signal: 0, coreDumped: false });
    assert.deepEqual(failed?.failed?.error, { code: "command-not-found", message: "exec: no" });
  });

  it("tells every listener of every later event, in order, until it is taken away", () => {
    const log = new EventLog();
    const [one, two]: [Event[], Event[]] = [[], []];
    log.started(1);
    const stop = log.subscribe((event) => one.push(event));
    log.subscribe((event) => two.push(event));
    log.started(2);
    stop();
    stop();
    log.started(3);
    assert.deepEqual(
      [one.map(({ sequence }) => sequence), two.map(({ sequence }) => sequence)],
      [[2], [2, 3]],
    );
  });
});
