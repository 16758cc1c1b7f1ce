import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { showLive, showOnce, type ShowRequest } from "../../../../src/cli/stats/show-statistics.ts";
import { makeLayout } from "../../../../src/cli/stats/statistics-row.ts";
import type { Output } from "../../../../src/cli/stats/statistics-output.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { type Containers, wantedOf } from "../../../support/fake-execution.ts";
import { FakeGuest } from "../../../support/fake-statistics.ts";

/** Keeps what is written. */
class Screen extends PassThrough implements Output {
  readonly isTTY: boolean;
  readonly columns = 60;
  readonly rows = 4;
  text = "";

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
    this.on("data", (chunk: Buffer) => void (this.text += chunk.toString()));
  }

  async until(pattern: RegExp): Promise<void> {
    for (let turn = 0; !pattern.test(this.text); turn++) {
      assert(turn < 500, `no ${pattern} in ${JSON.stringify(this.text)}`);
      await delay(5);
    }
  }
}

interface Wish extends Partial<Pick<ShowRequest, "layout" | "signal">> {
  readonly references?: readonly string[];
  readonly isAll?: boolean;
}

const request = (
  containers: Containers,
  { references = [], isAll = false, ...changes }: Wish = {},
): ShowRequest => ({
  ...wantedOf(containers, references, isAll),
  isTruncated: true,
  layout: makeLayout("{{.Name}} {{.CPUPerc}} {{.PIDs}}"),
  signal: new AbortController().signal,
  ...changes,
});

const once = async (containers: Containers, wish: Wish = {}): Promise<string> => {
  const screen = new Screen(false);
  await showOnce(request(containers, wish), screen);
  await delay(0);
  return screen.text;
};

const aRunning = (): FakeGuest => new FakeGuest(10, [8, 9]);

describe("statistics shown once", () => {
  it("are those of all that run, of the last second", async () =>
    assert.equal(await once({ a: aRunning(), ended: undefined, b: aRunning() }), "a 50.00% 3\nb 50.00% 3\n"));

  it("have dashes for what does not run, when all are wanted or it is named", async () => {
    assert.equal(
      await once({ ended: undefined, a: aRunning() }, { isAll: true }),
      "ended -- --\na 50.00% 3\n",
    );
    assert.equal(await once({ a: aRunning(), ended: undefined }, { references: ["ended"] }), "ended -- --\n");
  });

  it("have dashes for a guest that breaks, and end in its error when it is named", async () => {
    const hostile = (): FakeGuest => new FakeGuest(10, [], { monotonicUs: -1 });
    assert.equal(await once({ a: hostile(), b: aRunning() }), "a -- --\nb 50.00% 3\n");
    await assert.rejects(once({ a: hostile() }, { references: ["a"] }), catalogueError("link-protocol"));
  });

  it("are refused for a name that nobody has, and for a template that cannot be", async () => {
    await assert.rejects(
      once({}, { references: ["x"] }),
      catalogueError("no-such-container", /No such container: x/),
    );
    await assert.rejects(once({}, { layout: makeLayout("{{.X}}") }), catalogueError("invalid-option"));
  });

  it("are not waited for any longer when nobody wants them", async () => {
    const guest = aRunning();
    guest.isSilent = true;
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error("enough")), 20);
    await assert.rejects(once({ a: guest }, { references: ["a"], signal: stop.signal }), /enough/);
    assert.equal(guest.closed, 1);
  });
});

describe("statistics shown live", function () {
  this.timeout(10_000);
  const stop = new AbortController();

  it("come as lines, with one title, where there is no terminal", async () => {
    const screen = new Screen(false);
    const end = new AbortController();
    const guest = aRunning();
    const shown = showLive(
      request({ a: guest }, { layout: makeLayout("table {{.Name}}\t{{.PIDs}}"), signal: end.signal }),
      screen,
    );
    await screen.until(/^NAME +PIDS\na +3\na +3\n/);
    end.abort(new Error("enough"));
    await assert.rejects(shown, /enough/);
    assert.equal(guest.closed, 1);
  });

  it("are drawn in place on a terminal, in its size, and follow what comes and goes", async () => {
    const containers: Containers = { first: aRunning() };
    const screen = new Screen(true);
    const end = new AbortController();
    const shown = showLive(request(containers, { signal: end.signal }), screen);
    await screen.until(/^\u001B\[2J\u001B\[Hfirst 50\.00% 3\u001B\[K\n\u001B\[J/);
    for (const name of ["second", "third", "fourth"]) containers[name] = aRunning();
    await screen.until(/\u001B\[Hfirst [^\n]*\nsecond [^\n]*\n… and 2 more\u001B\[K\n\u001B\[J/);
    for (const name of ["first", "third", "fourth"]) delete containers[name];
    await screen.until(/\u001B\[Hsecond 50\.00% 3\u001B\[K\n\u001B\[J$/);
    end.abort(new Error("enough"));
    await assert.rejects(shown, /enough/);
    assert.equal(screen.text.match(/\u001B\[2J/g)?.length, 1);
  });

  it("end when those that were named are gone", async () => {
    const containers: Containers = { a: aRunning() };
    const screen = new Screen(true);
    const shown = showLive(request(containers, { references: ["a"], signal: stop.signal }), screen);
    await screen.until(/a 50/);
    delete containers["a"];
    await shown;
  });
});
