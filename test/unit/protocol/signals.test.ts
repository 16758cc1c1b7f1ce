import assert from "node:assert/strict";
import { constants } from "node:os";
import fc from "fast-check";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { parseSignal, signalName } from "../../../src/protocol/signals.ts";
import { catalogueError } from "../../support/catalogue-error.ts";

describe("a signal", () => {
  it("is known by its name, with and without SIG, in any case", () => {
    for (const [name, number] of Object.entries(constants.signals)) {
      for (const text of [name, name.slice(3), name.toLowerCase(), ` ${name.slice(3).toLowerCase()} `]) {
        assert.equal(parseSignal(text), number, text);
      }
    }
  });

  it("is known by its number from 1 to 64", () => {
    for (let number = 1; number <= 64; number++) assert.equal(parseSignal(String(number)), number);
    for (const text of ["0", "65", "99", "100", "-1", "1.5", "0x9", "+9"]) {
      assert.throws(() => parseSignal(text), catalogueError("invalid-option", /invalid signal: /), text);
    }
  });

  it("is known relative to the first and the last real-time signal", () => {
    const known: ReadonlyArray<readonly [string, number]> = [
      ["RTMIN", 34],
      ["SIGRTMIN+1", 35],
      ["rtmin+15", 49],
      ["RTMIN+30", 64],
      ["RTMAX", 64],
      ["SIGRTMAX-14", 50],
      ["RTMAX-30", 34],
    ];
    for (const [text, number] of known) assert.equal(parseSignal(text), number, text);
    for (const text of ["RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN+x", "RT"]) {
      assert.throws(() => parseSignal(text), catalogueError("invalid-option"), text);
    }
  });

  it("that does not exist is refused with the user's own text", () => {
    assert.throws(
      () => parseSignal("sigNothing"),
      catalogueError("invalid-option", /^invalid signal: sigNothing$/),
    );
    for (const text of ["", "SIG", "constructor", "__proto__", "toString"]) {
      assert.throws(() => parseSignal(text), catalogueError("invalid-option"), text);
    }
  });

  it("of any spelling is a number from 1 to 64 or an error of the catalogue", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^(SIG)?(RT(MIN|MAX)[+-]\d+|[A-Z]+\d?|\d+)$/)),
        (text) => {
          try {
            const number = parseSignal(text);
            assert.ok(number >= 1 && number <= 64);
          } catch (error) {
            assert.ok(error instanceof TetherError && error.code === "invalid-option", String(error));
          }
        },
      ),
    );
  });

  it("has a name that reads as the same signal", () => {
    for (let number = 1; number <= 64; number++) assert.equal(parseSignal(signalName(number)), number);
  });

  it("is called by the name that POSIX gives it, without SIG", () => {
    assert.deepEqual([1, 2, 6, 9, 15, 17, 29].map(signalName), [
      "HUP",
      "INT",
      "ABRT",
      "KILL",
      "TERM",
      "CHLD",
      "IO",
    ]);
    assert.equal(signalName(40), "40");
  });
});
