import assert from "node:assert/strict";
import { mock } from "node:test";
import { Acknowledgement } from "../../../src/tether/acknowledgement.ts";

const LIMIT_MS = 30_000;

describe("waiting for the acknowledgement of the exit", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  /** Has it resolved by now? */
  const isOver = (wait: Promise<void>): Promise<boolean> =>
    Promise.race([
      wait.then(() => true),
      new Promise<false>((resolve) => setImmediate(() => resolve(false))),
    ]);

  it("ends at once when it was given before or meanwhile", async () => {
    const before = new Acknowledgement(LIMIT_MS);
    before.give();
    assert.equal(await isOver(before.wait()), true);
    const meanwhile = new Acknowledgement(LIMIT_MS);
    const wait = meanwhile.wait();
    assert.equal(await isOver(wait), false);
    meanwhile.give();
    assert.equal(await isOver(wait), true);
  });

  it("ends after its limit when nobody is attached", async () => {
    const wait = new Acknowledgement(LIMIT_MS).wait();
    mock.timers.tick(LIMIT_MS - 1);
    assert.equal(await isOver(wait), false);
    mock.timers.tick(1);
    assert.equal(await isOver(wait), true);
  });

  it("goes on as long as output is held for a client: it may still be reading", async () => {
    const acknowledgement = new Acknowledgement(LIMIT_MS);
    acknowledgement.add();
    const wait = acknowledgement.wait();
    mock.timers.tick(10 * LIMIT_MS);
    assert.equal(await isOver(wait), false);
    const letGo = acknowledgement.add();
    letGo();
    letGo();
    mock.timers.tick(10 * LIMIT_MS);
    assert.equal(await isOver(wait), false);
  });

  it("starts its limit anew when the last such client is gone", async () => {
    const acknowledgement = new Acknowledgement(LIMIT_MS);
    const wait = acknowledgement.wait();
    mock.timers.tick(LIMIT_MS - 1);
    const letGo = acknowledgement.add();
    mock.timers.tick(5);
    letGo();
    mock.timers.tick(LIMIT_MS - 1);
    assert.equal(await isOver(wait), false);
    mock.timers.tick(1);
    assert.equal(await isOver(wait), true);
  });

  it("has no limit before the process has ended", async () => {
    const acknowledgement = new Acknowledgement(LIMIT_MS);
    acknowledgement.add()();
    mock.timers.tick(10 * LIMIT_MS);
    const wait = acknowledgement.wait();
    assert.equal(await isOver(wait), false);
    mock.timers.tick(LIMIT_MS);
    assert.equal(await isOver(wait), true);
  });
});
