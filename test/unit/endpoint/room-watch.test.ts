import assert from "node:assert/strict";
import { EventEmitter, on } from "node:events";
import { RoomWatch } from "../../../src/endpoint/room-watch.ts";
import type { Log } from "../../../src/endpoint/http/log.ts";

const PLENTY = 1024 ** 3;

/** A disk, and container VMs that take what `answers` says, one answer for each time that they are to go on. */
class World {
  freeBytes = PLENTY;
  readonly lines: string[] = [];
  readonly #events = new EventEmitter();
  readonly #answers: (boolean | Error)[];
  asked = 0;

  constructor(answers: (boolean | Error)[]) {
    this.#answers = answers;
  }

  watch(): RoomWatch {
    const tell = (_fields: object, line: string): void => {
      this.lines.push(line);
    };
    const log: Log = { debug: tell, info: tell, warn: tell, error: tell, child: () => log };
    return new RoomWatch({
      root: "/state",
      log,
      everyMs: 1,
      freeBytes: async () => {
        this.#events.emit("look");
        return this.freeBytes;
      },
      execution: {
        resumeContainers: async () => {
          this.asked += 1;
          const answer = this.#answers.shift() ?? true;
          if (answer instanceof Error) throw answer;
          return answer;
        },
      },
    });
  }

  /** Waits until the disk was looked at so many times; what the last look but one led to has happened. */
  async looks(count: number): Promise<void> {
    let seen = 0;
    for await (const _look of on(this.#events, "look")) if (++seen > count) return;
  }
}

describe("the watch for room on the disk", () => {
  it("asks the container VMs once after its start", async () => {
    const world = new World([]);
    using _watch = world.watch();
    await world.looks(5);
    assert.equal(world.asked, 1);
    assert.deepEqual(world.lines, []);
  });

  it("asks nobody while the disk is full, and again when there is room", async () => {
    const world = new World([]);
    using _watch = world.watch();
    await world.looks(1);
    world.freeBytes = 0;
    await world.looks(5);
    assert.equal(world.asked, 1);
    world.freeBytes = PLENTY;
    await world.looks(5);
    assert.equal(world.asked, 2);
    assert.deepEqual(world.lines, [
      "the disk is nearly full: container VMs that write stand still then",
      "there is room on the disk again: container VMs go on",
    ]);
  });

  // Who fills the disk may fail, and take it all back at once.
  it("asks now and then, as nobody sees a disk that is full for a moment", async () => {
    const world = new World([]);
    using _watch = world.watch();
    await world.looks(35);
    assert.equal(world.asked, 3);
  });

  // A file system may give away what was freed seconds later only.
  it("asks until all are running", async () => {
    const world = new World([false, false, new Error("no"), false]);
    using _watch = world.watch();
    await world.looks(10);
    assert.equal(world.asked, 5);
    assert.deepEqual(world.lines, ["looking for room failed"]);
  });
});
