import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describeAge } from "../../../src/portlayer/execution/describe-age.ts";
import { collectEnvironment } from "../../../src/cli/environment-options.ts";
import { formatTable } from "../../../src/cli/format-table.ts";
import { parseSize } from "../../../src/portlayer/execution/parse-size.ts";
import { parseCpus, parseSeconds } from "../../../src/cli/run-options.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;

describe("a size", () => {
  it("is a number with a unit in powers of 1024, as Docker reads it", () => {
    const table: ReadonlyArray<readonly [string, number]> = [
      ["0", 0],
      ["1024", 1024],
      ["512b", 512],
      ["1k", 1024],
      ["128m", 128 * MEBIBYTE],
      ["128M", 128 * MEBIBYTE],
      ["128MB", 128 * MEBIBYTE],
      ["128MiB", 128 * MEBIBYTE],
      ["1.5g", 1536 * MEBIBYTE],
      ["2 g", 2048 * MEBIBYTE],
      ["1t", 1024 * 1024 * MEBIBYTE],
      ["0.3k", 307],
    ];
    for (const [text, bytes] of table) assert.equal(parseSize(text), bytes, text);
  });

  it("is nothing else", () => {
    for (const text of [
      "",
      "m",
      "-1m",
      "+1m",
      "1x",
      "1mm",
      "32bb",
      "1,5g",
      "1e3",
      "0x10",
      "NaN",
      "Infinity",
      "1 2m",
      "1m\n2",
      ".",
      "1.",
    ]) {
      assert.throws(() => parseSize(text), catalogueErrorOf(text), text);
    }
  });

  it("is one that can be counted exactly", () => {
    for (const text of [`${"9".repeat(400)}g`, "99999999t"])
      assert.throws(() => parseSize(text), catalogueErrorOf(text), text);
  });

  it("is a whole number of bytes or an error of the catalogue", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d+(\.\d+)? ?[kmgtKMGT]?i?[bB]?$/)), (text) => {
        try {
          assert.ok(Number.isSafeInteger(parseSize(text)));
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code === "invalid-option", String(error));
        }
      }),
    );
  });

  /** Docker quotes what was given, line breaks and all. */
  function catalogueErrorOf(text: string): (thrown: unknown) => boolean {
    return (thrown) =>
      thrown instanceof TetherError &&
      thrown.code === "invalid-option" &&
      thrown.message === `invalid size: '${text}'`;
  }
});

describe("a number of CPUs", () => {
  it("may be a fraction, from a hundredth to 64", () => {
    for (const [text, cpus] of [
      ["1", 1],
      ["0.5", 0.5],
      [".5", 0.5],
      ["0.01", 0.01],
      ["64", 64],
    ] as const) {
      assert.equal(parseCpus(text), cpus, text);
    }
    for (const text of ["0", "0.0", "-1", "64.1", "", "x", "1e1", "0x2", "Infinity", "1.", " 1"]) {
      assert.throws(() => parseCpus(text), /0\.01 to 64/, text);
    }
  });
});

describe("a number of seconds", () => {
  it("is above zero and short enough for a timer", () => {
    for (const [text, seconds] of [
      ["1", 1],
      ["0.25", 0.25],
      ["2000000", 2_000_000],
    ] as const) {
      assert.equal(parseSeconds(text), seconds, text);
    }
    for (const text of ["0", "-1", "2000001", "", "1s", "1e3"])
      assert.throws(() => parseSeconds(text), /number of seconds/, text);
  });
});

describe("an age", () => {
  const age = (seconds: number): string => {
    const now = Date.parse("2026-06-01T00:00:00Z");
    return describeAge(new Date(now - seconds * 1000).toISOString(), now);
  };
  const [minute, hour, day] = [60, 3600, 86_400];
  const table: ReadonlyArray<readonly [number, string]> = [
    [-5, "Less than a second"],
    [0.4, "Less than a second"],
    [1, "1 second"],
    [2, "2 seconds"],
    [59, "59 seconds"],
    [minute, "About a minute"],
    [2 * minute - 1, "About a minute"],
    [2 * minute, "2 minutes"],
    [45 * minute, "45 minutes"],
    [hour, "About an hour"],
    [2 * hour, "2 hours"],
    [47 * hour, "47 hours"],
    [2 * day, "2 days"],
    [13 * day, "13 days"],
    [14 * day, "2 weeks"],
    [59 * day, "8 weeks"],
    [60 * day, "2 months"],
    [729 * day, "24 months"],
    [730 * day, "2 years"],
  ];
  for (const [seconds, text] of table)
    it(`of ${seconds} seconds is "${text}"`, () => assert.equal(age(seconds), text));
});

describe("a table", () => {
  it("has columns as wide as their widest cell, three apart, and no spaces at the ends", () => {
    assert.deepEqual(
      formatTable([
        ["ID", "NAME"],
        ["abc", "x"],
        ["", "longer"],
      ]),
      ["ID    NAME", "abc   x", "      longer"],
    );
    assert.deepEqual(formatTable([]), []);
  });
});

describe("the environment options", () => {
  const folder = useTemporaryFolder();

  it("take a value, or that of vch's own environment, or nothing", () => {
    assert.deepEqual(collectEnvironment([], ["A=1", "B", "C", "D=", "E=a=b"], { B: "own" }), [
      "A=1",
      "B=own",
      "D=",
      "E=a=b",
    ]);
  });

  it("put files before single variables, so that those win", () => {
    const path = join(folder.path, "env");
    writeFileSync(path, "# comment\n\n  A=file\r\nOWN\nMISSING\nB=x # not a comment\n");
    assert.deepEqual(collectEnvironment([path], ["A=option"], { OWN: "v" }), [
      "A=file",
      "OWN=v",
      "B=x # not a comment",
      "A=option",
    ]);
  });

  it("refuse a variable without a name", () => {
    for (const variable of ["", "=x"])
      assert.throws(() => collectEnvironment([], [variable], {}), catalogueError("invalid-option"), variable);
  });

  it("refuse a file that cannot be read, by its name", () => {
    const path = join(folder.path, "none");
    assert.throws(
      () => collectEnvironment([path], [], {}),
      catalogueError("invalid-option", /^--env-file: ENOENT.*none/),
    );
    mkdirSync(path);
    assert.throws(() => collectEnvironment([path], [], {}), catalogueError("invalid-option", /EISDIR/));
  });
});
