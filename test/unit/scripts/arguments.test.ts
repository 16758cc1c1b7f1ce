import { deepEqual, equal } from "node:assert/strict";
import { parseStartArguments, runArguments } from "../../../scripts/start/arguments.mjs";
import { parseTestArguments } from "../../../scripts/test/arguments.mjs";

describe("npm start's arguments", () => {
  const cases: [words: string[], verbose: boolean, command: string[]][] = [
    [[], false, []],
    [["-v"], true, []],
    [["ls", "-v"], false, ["ls", "-v"]],
    [["-v", "ls", "-l"], true, ["ls", "-l"]],
    [["--verbose", "--", "-v"], true, ["-v"]],
    [["sh", "-c", "exit 7"], false, ["sh", "-c", "exit 7"]],
    [["ls", "--", "x"], false, ["ls", "--", "x"]],
  ];
  for (const [words, verbose, command] of cases) {
    it(`${JSON.stringify(words)} runs ${JSON.stringify(command)}`, () =>
      deepEqual(parseStartArguments(words), { verbose, command }));
  }

  it("an option that is not ours is refused by name", () => {
    equal(parseStartArguments(["-u", "nobody", "id"]).problem?.includes("-u"), true);
  });

  const common = ["run", "--rm", "-i"];
  const image = "oci:build/demo-image:latest";

  it("without a terminal the image's own command runs", () => {
    deepEqual(runArguments([], { hasTerminal: false }), [...common, image]);
    deepEqual(runArguments(["ls", "-l"], { hasTerminal: false }), [...common, image, "ls", "-l"]);
  });

  it("on a terminal a login shell runs, or the command", () => {
    deepEqual(runArguments([], { hasTerminal: true }), [...common, "-t", image, "/bin/sh", "-l"]);
    deepEqual(runArguments(["vi"], { hasTerminal: true }), [...common, "-t", image, "vi"]);
  });
});

describe("npm test's arguments", () => {
  it("without any everything runs", () => {
    const { kinds, until } = parseTestArguments([]);
    deepEqual([[...kinds], until], [["check", "unit", "vm", "docker"], undefined]);
  });

  it("choose kinds, set up only what these need, and hand the rest to mocha", () => {
    const { kinds, until, passedOn } = parseTestArguments(["--unit", "-g", "a slow client"]);
    deepEqual([[...kinds], until, passedOn], [["unit"], "native", ["-g", "a slow client"]]);
    equal(parseTestArguments(["--check"]).until, "protocol");
    equal(parseTestArguments(["--vm", "--unit"]).until, undefined);
    equal(parseTestArguments(["--docker"]).until, undefined);
  });
});
