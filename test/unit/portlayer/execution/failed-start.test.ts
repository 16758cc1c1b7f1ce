import assert from "node:assert/strict";
import { recordFailedStart } from "../../../../src/portlayer/execution/failed-start.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { containerRecord } from "../../../support/container-records.ts";

describe("the record of a container that could not be started", () => {
  const machine = { pid: 5, startTime: "7" };
  const present = containerRecord("a", { machine, owner: machine, started: "2026-01-03T00:00:00.000Z" });
  const error = new TetherError("command-not-found", "no such command");
  const failed = { exit: { code: 127, signal: 0 }, error: "no such command" };

  it("is that of one just created, with the reason, when it has never run", () => {
    assert.deepEqual(recordFailedStart(present, containerRecord("a"), error), {
      ...containerRecord("a"),
      ...failed,
    });
  });

  it("has the times of its last run, when there was one", () => {
    const times = { started: "2026-01-01T00:00:00.000Z", finished: "2026-01-02T00:00:00.000Z" };
    assert.deepEqual(recordFailedStart(present, times, error), {
      ...containerRecord("a"),
      ...times,
      ...failed,
    });
  });
});
