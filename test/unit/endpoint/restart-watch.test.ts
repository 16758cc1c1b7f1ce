import assert from "node:assert/strict";
import { RestartWatch, type RestartWatchParts } from "../../../src/endpoint/restart-watch.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";

type Started = readonly [id: string, occasion: string];

/** Containers that are due until they are started; the first start of one fails. */
class Due {
  readonly started: Started[] = [];
  readonly logged: string[] = [];
  readonly asked: string[] = [];
  readonly changed: (() => void)[] = [];
  readonly #due: Set<string>;
  #fails: string | undefined;

  constructor(ids: readonly string[], fails?: string) {
    this.#due = new Set(ids);
    this.#fails = fails;
  }

  get parts(): RestartWatchParts {
    const log = (_: object, text: string): void => void this.logged.push(text);
    return {
      execution: {
        dueRestarts: (occasion) => {
          this.asked.push(occasion);
          return [...this.#due].map((id) => ({ id, pauseMs: 1 }));
        },
        startAgain: async (id, occasion) => {
          this.started.push([id, occasion]);
          for (const tell of this.changed.splice(0)) tell();
          if (this.#fails === id) {
            this.#fails = undefined;
            throw new TetherError("hypervisor-failed", "no memory");
          }
          return this.#due.delete(id);
        },
      },
      log: { debug: log, info: log, warn: log, error: log, child: () => assert.fail() },
      everyMs: 1,
    };
  }

  add(id: string): void {
    this.#due.add(id);
  }

  async until(count: number): Promise<void> {
    while (this.started.length < count) await new Promise<void>((resolve) => this.changed.push(resolve));
  }
}

describe("who watches over restarts", () => {
  it("starts at first what runs whenever it does, then what is lost", async () => {
    const due = new Due(["a"]);
    await using _watch = new RestartWatch(due.parts);
    await due.until(1);
    due.add("b");
    await due.until(2);
    assert.deepEqual(due.started, [
      ["a", "begin"],
      ["b", "lost"],
    ]);
    assert.deepEqual([due.asked[0], new Set(due.asked.slice(1))], ["begin", new Set(["lost"])]);
  });

  it("tells why a start failed, and tries again", async () => {
    const due = new Due(["a"], "a");
    await using _watch = new RestartWatch(due.parts);
    await due.until(2);
    assert.deepEqual(
      due.started.map(([id]) => id),
      ["a", "a"],
    );
    assert.ok(due.logged.includes("starting it again failed"));
  });

  it("starts nothing more once it is disposed of", async () => {
    const due = new Due(["a"]);
    const watch = new RestartWatch(due.parts);
    await watch[Symbol.asyncDispose]();
    assert.deepEqual([due.started, due.logged], [[], []]);
  });
});
