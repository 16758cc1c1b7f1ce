import assert from "node:assert/strict";
import fc from "fast-check";
import { formatLogTime, parseLogTime } from "../../../../../src/portlayer/interaction/log/index.ts";
import { catalogueError } from "../../../../support/catalogue-error.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0, 500);
const now = NOW_MS / 1000 - 0.5;
const parse = (value: string): [number, number] => {
  const { seconds, nanoseconds } = parseLogTime("since", value, NOW_MS);
  return [seconds, nanoseconds];
};

describe("a moment of the log", () => {
  it("may be given as Docker takes it", () => {
    const summer = Date.UTC(2013, 0, 2, 13, 23, 37) / 1000;
    const cases: Record<string, [number, number]> = {
      "10m": [now - 600, 0],
      "1h30m": [now - 5400, 0],
      "1.5h": [now - 5400, 0],
      "-1h": [now + 3600, 0],
      "42s": [now - 42, 0],
      "1m30.5s": [now - 90, 0],
      "0": [0, 0],
      "1136073600": [1136073600, 0],
      "1136073600.000000001": [1136073600, 1],
      "1136073600.5": [1136073600, 500_000_000],
      "2013-01-02T13:23:37Z": [summer, 0],
      "2013-01-02T13:23:37.25Z": [summer, 250_000_000],
      "2013-01-02T13:23:37.123456789Z": [summer, 123_456_789],
      "2013-01-02T15:23:37+02:00": [summer, 0],
      "2013-01-02T13:23Z": [summer - 37, 0],
      "2013-01-02T13Z": [summer - 23 * 60 - 37, 0],
      "2013-01-02Z": [summer - 13 * 3600 - 23 * 60 - 37, 0],
      "2013-01-02T13:23:37": [new Date(2013, 0, 2, 13, 23, 37).getTime() / 1000, 0],
      "2013-01-02": [new Date(2013, 0, 2).getTime() / 1000, 0],
    };
    for (const [value, expected] of Object.entries(cases)) assert.deepEqual(parse(value), expected, value);
  });

  it("that is none is refused with Docker's words", () => {
    for (const value of [
      "",
      "yesterday",
      "10 m",
      "1.2.3",
      "2013-13-01",
      "2013-02-30",
      "2013-01-02T24:00:00Z",
    ]) {
      assert.throws(
        () => parse(value),
        catalogueError(
          "invalid-option",
          /^invalid value for "since": failed to parse value as time or duration: "/,
        ),
      );
    }
  });

  it("is read or refused, whatever is written", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9TZ:.+hms-]{0,30}$/)), (value) => {
        try {
          const [seconds, nanoseconds] = parse(value);
          assert.ok(seconds >= 0 && Number.isInteger(seconds));
          assert.ok(Number.isInteger(nanoseconds) && nanoseconds >= 0 && nanoseconds < 1e9);
        } catch (error) {
          catalogueError("invalid-option")(error);
        }
      }),
    );
  });

  it("is printed as Docker does, and read again", () => {
    assert.equal(formatLogTime({ seconds: 1_357_133_017, nanoseconds: 5 }), "2013-01-02T13:23:37.000000005Z");
    fc.assert(
      fc.property(fc.nat({ max: 253_402_300_799 }), fc.nat({ max: 999_999_999 }), (seconds, nanoseconds) => {
        assert.deepEqual(parse(formatLogTime({ seconds, nanoseconds })), [seconds, nanoseconds]);
      }),
    );
  });
});
