import assert from "node:assert/strict";
import { compareLines } from "../../support/docker-comparison.ts";
import { DIFFERENCES } from "./differences.ts";
import { GROUPS } from "./scenarios/index.ts";
import { useSides } from "./sides.ts";
import { run, transcribe } from "./transcript.ts";
import { commandsOf } from "./scenario.ts";

describe("the docker command with dockerd and with the endpoint", () => {
  const sides = useSides();

  for (const { name, before: made, after: removed, scenarios } of GROUPS) {
    describe(name, () => {
      before(async () => {
        for (const command of commandsOf(made ?? ""))
          for (const side of sides.all()) {
            const { status, err } = await run(side, command);
            assert.equal(status, 0, `${side.name}: ${command}: ${err}`);
          }
      });
      after(async () => {
        for (const command of commandsOf(removed ?? ""))
          await Promise.all(sides.all().map((side) => run(side, command)));
      });

      for (const [question, script] of Object.entries(scenarios)) {
        it(`are the same: ${question}`, async () => {
          const [docker = "", vch = ""] = await Promise.all(
            sides.all().map((side) => transcribe(side, script)),
          );
          compareLines({ docker, vch }, { question, surroundings: name }, DIFFERENCES);
        });
      }
    });
  }
});
