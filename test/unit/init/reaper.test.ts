import assert from "node:assert/strict";
import { Reaper } from "../../../src/init/reaper.ts";
import type { ChildStatus } from "../../../src/system/system.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

const status = (pid: number, code = 0): ChildStatus => ({ pid, code, coreDumped: false });

describe("the reaper", () => {
  let ended: ChildStatus[];
  let system: RecordingSystem;
  let reaper: Reaper;
  beforeEach(() => {
    ended = [];
    system = new RecordingSystem()
      .answer("peekChild", () => ended[0])
      .answer("reapChild", () => ended.shift());
    reaper = new Reaper(system);
    reaper.start();
  });
  afterEach(() => reaper.stop());

  const childrenEnd = (...statuses: ChildStatus[]): void => {
    ended.push(...statuses);
    process.emit("SIGCHLD", "SIGCHLD");
  };

  it("gives each of its own children's statuses to who waits for it", async () => {
    const [one, two] = [reaper.exitOf(10), reaper.exitOf(20)];
    childrenEnd({ pid: 20, signal: 9, coreDumped: true });
    assert.deepEqual(await two, { pid: 20, signal: 9, coreDumped: true });
    childrenEnd(status(10, 3));
    assert.deepEqual(await one, status(10, 3));
    assert.equal(reaper.reapedOrphans, 0);
  });

  it("takes every child that one signal stands for, own and strange", async () => {
    const own = [11, 13, 15].map((pid) => reaper.exitOf(pid));
    childrenEnd(...Array.from({ length: 100 }, (_, index) => status(index + 1, index)));
    assert.deepEqual(
      (await Promise.all(own)).map(({ code }) => code),
      [10, 12, 14],
    );
    assert.equal(reaper.reapedOrphans, 97);
    assert.equal(ended.length, 0);
  });

  it("reaps strangers at once", () => {
    childrenEnd(status(999));
    assert.equal(reaper.reapedOrphans, 1);
  });

  it("lets others have their turn while children end faster than they are reaped", async () => {
    ended.push(status(1));
    let reaped = 0;
    system.answer("reapChild", () => void (reaped += 1));
    process.emit("SIGCHLD", "SIGCHLD");
    const before = reaped;
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert(reaped > before && before > 0);
  });

  it("gives a pid's second life to its second owner", async () => {
    const first = reaper.exitOf(10);
    childrenEnd(status(10, 1));
    assert.equal((await first).code, 1);
    const second = reaper.exitOf(10);
    childrenEnd(status(10, 2));
    assert.equal((await second).code, 2);
  });

  it("takes what ended before it was started", async () => {
    reaper.stop();
    const own = reaper.exitOf(10);
    ended.push(status(9), status(10, 4));
    reaper.start();
    assert.equal((await own).code, 4);
    assert.equal(reaper.reapedOrphans, 1);
  });

  it("waits for nobody once it is stopped", () => {
    reaper.stop();
    const before = system.argumentsOf("peekChild").length;
    childrenEnd(status(10));
    assert.equal(system.argumentsOf("peekChild").length, before);
  });
});
