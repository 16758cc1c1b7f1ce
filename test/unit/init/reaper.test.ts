import assert from "node:assert/strict";
import { Reaper } from "../../../src/init/reaper.ts";
import type { ChildStatus } from "../../../src/system/system.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

const status = (pid: number, code = 0): ChildStatus => ({ pid, code, coreDumped: false });

describe("the reaper", () => {
  let ended: ChildStatus[];
  /** Undefined while nobody watches. */
  let onEnded: (() => void) | undefined;
  let system: RecordingSystem;
  let reaper: Reaper;
  beforeEach(() => {
    ended = [];
    onEnded = undefined;
    system = new RecordingSystem()
      .answer("watchChildren", (events) => {
        onEnded = () => events.onEnded();
        return { close: () => (onEnded = undefined) };
      })
      .answer("peekChild", () => ended[0])
      .answer("reapChild", () => ended.shift());
    reaper = new Reaper(system);
    reaper.start();
  });
  afterEach(() => reaper.stop());

  const childrenEnd = (...statuses: ChildStatus[]): void => {
    ended.push(...statuses);
    onEnded?.();
  };

  it("gives each child's status to who waits for it", async () => {
    const [one, two] = [reaper.exitOf(10), reaper.exitOf(20)];
    childrenEnd({ pid: 20, signal: 9, coreDumped: true });
    assert.deepEqual(await two, { pid: 20, signal: 9, coreDumped: true });
    childrenEnd(status(10, 3));
    assert.deepEqual(await one, status(10, 3));
  });

  it("takes every child that one message stands for, also one that nobody waits for", async () => {
    const own = [11, 13, 15].map((pid) => reaper.exitOf(pid));
    childrenEnd(...Array.from({ length: 20 }, (_, index) => status(index + 1, index)));
    assert.deepEqual(
      (await Promise.all(own)).map(({ code }) => code),
      [10, 12, 14],
    );
    assert.equal(ended.length, 0);
  });

  it("has a status noted before the kernel forgets the child, and no crash between", () => {
    const steps: string[] = [];
    const note = (): void => void steps.push("note");
    system.answer("reapChild", () => {
      steps.push("reap");
      return ended.shift();
    });
    system.uninterrupted = (work) => {
      steps.push("begin");
      work();
      steps.push("end");
    };
    void reaper.exitOf(10, note);
    childrenEnd(status(10));
    assert.deepEqual(steps, ["begin", "note", "reap", "end"]);
  });

  it("says of whoever is waited for that it is no stranger", () => {
    void reaper.exitOf(10);
    assert.deepEqual(system.argumentsOf("expectChild"), [[10]]);
  });

  it("gives a pid's second life to its second owner", async () => {
    const first = reaper.exitOf(10);
    childrenEnd(status(10, 1));
    assert.equal((await first).code, 1);
    const second = reaper.exitOf(10);
    childrenEnd(status(10, 2));
    assert.equal((await second).code, 2);
  });

  it("waits for nobody before it is started and once it is stopped", () => {
    reaper.start();
    assert.equal(system.argumentsOf("watchChildren").length, 1);
    reaper.stop();
    reaper.stop();
    assert.equal(onEnded, undefined);
    reaper.start();
    assert.notEqual(onEnded, undefined);
  });
});
