import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { showFacts } from "../../../../src/cli/stats/show-facts.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { type Containers, wantedOf } from "../../../support/fake-execution.ts";
import { FakeGuest } from "../../../support/fake-statistics.ts";

async function shown(containers: Containers, references: readonly string[] = []): Promise<unknown> {
  const output = new PassThrough();
  const { signal } = new AbortController();
  await showFacts({ ...wantedOf(containers, references, false), signal }, output);
  output.end();
  return JSON.parse(await text(output));
}

describe("facts shown", () => {
  it("are those of all that run, as JSON", async () => {
    const [a, b] = [new FakeGuest(10), new FakeGuest(10)];
    b.facts = { disks: [{ name: "vda", sizeBytes: 4096 }] };
    const list = (await shown({ a, ended: undefined, b })) as Record<string, unknown>[];
    assert.deepEqual(
      list.map(({ Name, firmware, disks }) => [Name, firmware, disks]),
      [
        ["a", { vendor: "SeaBIOS" }, []],
        ["b", {}, [{ name: "vda", sizeBytes: 4096 }]],
      ],
    );
    assert.deepEqual([a.closed, b.closed], [1, 1]);
  });

  it("end in the error of one that lies", async () => {
    const hostile = new FakeGuest(10);
    hostile.facts = { hardware: { memoryBytes: 2 ** 60 } };
    await assert.rejects(shown({ hostile }, ["hostile"]), catalogueError("link-protocol"));
    assert.equal(hostile.closed, 1);
  });

  it("are not waited for any longer when nobody wants them", async () => {
    const guest = new FakeGuest(10);
    guest.isSilent = true;
    const stop = new AbortController();
    const showing = showFacts({ ...wantedOf({ guest }, [], false), signal: stop.signal }, new PassThrough());
    while (guest.opened === 0) await delay(1);
    stop.abort(new Error("enough"));
    await assert.rejects(showing, /enough/);
    assert.equal(guest.closed, 1);
  });
});
