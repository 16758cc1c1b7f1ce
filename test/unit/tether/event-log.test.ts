import assert from "node:assert/strict";
import type { Event } from "../../../src/protocol/control-messages.ts";
import { EventLog } from "../../../src/tether/event-log.ts";

const EXEC = "e".repeat(64);
const MOST_EVENTS = 2048;

const numbers = (events: readonly Event[]): number[] => events.map(({ sequence }) => sequence ?? 0);

describe("the event log", () => {
  it("numbers what happens from 1 on without a gap, with the time and the session", () => {
    const log = new EventLog();
    log.record({ started: { pid: 12 } }, "");
    log.record({ execCreated: { args: [Buffer.from("ls")] } }, EXEC);
    log.record({ exited: { code: 3, signal: 0, coreDumped: false } }, "");
    const events = log.after(0);
    assert.deepEqual(numbers(events), [1, 2, 3]);
    assert.ok(events.every(({ time }) => Number(time?.seconds) > 1_600_000_000));
    assert.deepEqual(
      events.map(({ sessionId }) => sessionId),
      ["", EXEC, ""],
    );
    const [started, , exited] = events;
    assert.equal(started?.started?.pid, 12);
    assert.deepEqual(exited?.exited, { code: 3, signal: 0, coreDumped: false });
  });

  it("gives only the events behind the one that a client has had", () => {
    const log = new EventLog();
    for (const pid of [1, 2, 3]) log.record({ started: { pid } }, "");
    assert.deepEqual(numbers(log.after(1)), [2, 3]);
    assert.deepEqual(numbers(log.after(3)), []);
    assert.deepEqual(numbers(log.after(99)), []);
  });

  it("forgets the oldest of an exec first, and of the main session only when there is no other", () => {
    const log = new EventLog();
    log.record({ started: { pid: 1 } }, "");
    for (let index = 0; index < MOST_EVENTS; index++) log.record({ started: { pid: 2 } }, EXEC);
    log.record({ paused: {} }, "");
    const kept = numbers(log.after(0));
    assert.equal(kept.length, MOST_EVENTS);
    // 2 and 3 made room.
    assert.deepEqual(kept.slice(0, 2), [1, 4]);
    assert.equal(kept.at(-1), MOST_EVENTS + 2);

    const main = new EventLog();
    for (let index = 0; index < MOST_EVENTS + 1; index++) main.record({ paused: {} }, "");
    assert.deepEqual([numbers(main.after(0)).at(0), main.after(0).length], [2, MOST_EVENTS]);
  });

  it("tells every listener of every later event, in order, until it is taken away", () => {
    const log = new EventLog();
    const [one, two]: [Event[], Event[]] = [[], []];
    log.record({ paused: {} }, "");
    const stop = log.subscribe((event) => one.push(event));
    log.subscribe((event) => two.push(event));
    log.record({ unpaused: {} }, "");
    stop();
    stop();
    log.record({ paused: {} }, "");
    assert.deepEqual([numbers(one), numbers(two)], [[2], [2, 3]]);
  });
});
