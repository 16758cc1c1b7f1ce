import { deepEqual, throws } from "node:assert/strict";
import { parseBenchOptions } from "../../../bench/options.ts";

describe("npm run bench's options", () => {
  const names = ["start", "iso"];

  it("without any, everything is measured in five rounds", () => {
    deepEqual(parseBenchOptions([], names), { rounds: 5, only: names });
  });

  it("--only may be repeated", () => {
    const args = ["--only", "iso", "--rounds=2", "--only", "start"];
    deepEqual(parseBenchOptions(args, names), { rounds: 2, only: ["iso", "start"] });
  });

  const refused: [args: string[], reason: RegExp][] = [
    [["--only", "speed"], /speed: there are start, iso/],
    [["--rounds", "0"], /above zero/],
    [["--rounds", "many"], /above zero/],
    [["--fast"], /--fast/],
  ];
  for (const [args, reason] of refused) {
    it(`${args.join(" ")} is refused`, () => throws(() => parseBenchOptions(args, names), reason));
  }
});
