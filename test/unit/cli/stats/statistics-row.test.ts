import assert from "node:assert/strict";
import { binarySize, decimalSize } from "../../../../src/cli/stats/human-size.ts";
import type { Chosen } from "../../../../src/cli/stats/chosen-containers.ts";
import { describeStatistics, makeLayout } from "../../../../src/cli/stats/statistics-row.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";

const ID = "0123456789abcdef".padEnd(64, "0");
const WEB: Chosen = {
  record: { id: ID, name: "web", image: "nginx", cpus: 2 },
  called: "we",
  shortId: "0123456789ab",
  isUp: true,
};
const FIGURES = {
  cpuPercent: 12.345,
  memoryBytes: 67_351_347,
  memoryLimitBytes: 268_435_456,
  memoryPercent: 25.09,
  receivedBytes: 1_450_000,
  sentBytes: 656,
  readBytes: 4_100_000,
  writtenBytes: 0,
  pids: 3,
};

describe("Docker's sizes", () => {
  // What go-units prints, by HumanSizeWithPrecision(x, 3) and BytesSize(x).
  const table: ReadonlyArray<readonly [number, string, string]> = [
    [0, "0B", "0B"],
    [999, "999B", "999B"],
    [1000, "1kB", "1000B"],
    [1024, "1.02kB", "1KiB"],
    [1536, "1.54kB", "1.5KiB"],
    [1_450_000, "1.45MB", "1.383MiB"],
    [67_351_347, "67.4MB", "64.23MiB"],
    [2 ** 30, "1.07GB", "1GiB"],
    [1_234_567_890_123, "1.23TB", "1.123TiB"],
  ];
  for (const [bytes, decimal, binary] of table)
    it(`of ${bytes} are ${decimal} and ${binary}`, () =>
      assert.deepEqual([decimalSize(bytes), binarySize(bytes)], [decimal, binary]));

  it("go on to the next unit where rounding does", () => {
    assert.equal(decimalSize(999_700), "1MB");
    assert.equal(binarySize(1023.96 * 1024), "1MiB");
  });
});

describe("a row of statistics", () => {
  const row = describeStatistics(WEB, FIGURES, true);

  it("is Docker's JSON", () =>
    assert.deepEqual(makeLayout("json")([row], true), [
      '{"BlockIO":"4.1MB / 0B","CPUPerc":"12.35%","Container":"we","ID":"0123456789ab","MemPerc":"25.09%",' +
        '"MemUsage":"64.23MiB / 256MiB","Name":"web","NetIO":"1.45MB / 656B","PIDs":"3"}',
    ]));

  it("is Docker's table", () =>
    assert.deepEqual(makeLayout(undefined)([row], true), [
      "CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O         BLOCK I/O    PIDS",
      "0123456789ab   web       12.35%    64.23MiB / 256MiB   25.09%    1.45MB / 656B   4.1MB / 0B   3",
    ]));

  it("is a table of the user's, or lines without titles", () => {
    const layout = makeLayout("table {{.Name}}\\t{{.PIDs}}");
    assert.deepEqual(layout([row], true), ["NAME      PIDS", "web       3"]);
    assert.deepEqual(layout([row], false), ["web       3"]);
    assert.deepEqual(makeLayout("{{.Container}}={{.CPUPerc}}")([row], true), ["we=12.35%"]);
  });

  it("has its whole id when that is wanted", () =>
    assert.equal(describeStatistics(WEB, FIGURES, false).ID, ID));

  it("has dashes for what is not known, as that of a container that does not run", () => {
    const [, line] = makeLayout("table")([describeStatistics(WEB, undefined, true)], true);
    assert.match(line ?? "", /^0123456789ab {3}web +-- +-- \/ -- +-- +-- +-- +--$/);
    const { MemUsage, NetIO } = describeStatistics(
      WEB,
      { ...FIGURES, memoryLimitBytes: undefined, sentBytes: undefined },
      true,
    );
    assert.deepEqual([MemUsage, NetIO], ["64.23MiB / --", "1.45MB / --"]);
  });

  it("that is to show what there is not is refused", () =>
    assert.throws(
      () => makeLayout("{{.Nothing}}")([row], true),
      catalogueError("invalid-option", /Nothing/),
    ));
});
