import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Interruption } from "../../../../src/cli/interruption.ts";
import {
  plotRecording,
  type RecordRequest,
  recordStatistics,
} from "../../../../src/cli/stats/record-statistics.ts";
import { readRecording } from "../../../../src/portlayer/statistics/recording/index.ts";
import { runTool } from "../../../../src/portlayer/storage/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { type Containers, wantedOf } from "../../../support/fake-execution.ts";
import { FakeGuest } from "../../../support/fake-statistics.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("statistics that are recorded", function () {
  this.timeout(10_000);
  const folder = useTemporaryFolder();
  const path = (name: string): string => join(folder.path, name);

  const record = (
    containers: Containers,
    changes: Partial<RecordRequest>,
    references: string[] = [],
  ): Promise<void> =>
    recordStatistics({
      ...wantedOf(containers, references),
      runTool,
      recordPath: path("run.stats"),
      plotPath: undefined,
      durationMs: undefined,
      signal: new AbortController().signal,
      ...changes,
    });
  const namesIn = async (file: string): Promise<string[]> => {
    const names = new Set<string>();
    for await (const { container } of readRecording(file)) names.add(container.name);
    return [...names].sort();
  };

  it("are those of all that run, until the user has enough, and are drawn then", async () => {
    const end = new AbortController();
    const guests = { a: new FakeGuest(10), b: new FakeGuest(20), ended: undefined };
    const recorded = record(guests, { plotPath: path("run.svg"), signal: end.signal });
    await delay(200);
    guests.a.pass(1);
    guests.b.pass(1);
    await delay(200);
    end.abort(new Interruption("SIGINT"));
    await recorded;
    assert.deepEqual(await namesIn(path("run.stats")), ["a", "b"]);
    assert.match(readFileSync(path("run.svg"), "utf8"), />2 container VMs/);
    await plotRecording(path("run.stats"), path("later.svg"), ["a"], runTool);
    assert.match(readFileSync(path("later.svg"), "utf8"), />a, from/);
    await assert.rejects(
      plotRecording(path("run.stats"), path("no.svg"), ["c"], runTool),
      catalogueError("no-such-container", /nothing of a container c/),
    );
    assert.equal(existsSync(path("no.svg")), false);
  });

  it("end when their time is over, or the containers that were named are gone", async () => {
    await record({ a: new FakeGuest(10) }, { durationMs: 300 });
    assert.deepEqual(await namesIn(path("run.stats")), ["a"]);
    const containers: Containers = { a: new FakeGuest(10) };
    const recorded = record(containers, { recordPath: path("second") }, ["a"]);
    delete containers["a"];
    await recorded;
  });

  it("end in an error when the command's output is gone, or there is nothing to draw", async () => {
    const end = new AbortController();
    end.abort(new Error("gone"));
    await assert.rejects(record({}, { signal: end.signal }), /gone/);
    await assert.rejects(
      record({}, { recordPath: undefined, plotPath: path("run.svg"), durationMs: 10 }),
      catalogueError("container-not-running", /nothing to draw/),
    );
  });
});
