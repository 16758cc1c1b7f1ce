import { deepEqual, equal, rejects } from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createReport } from "../../../scripts/set-up/report.mjs";
import { runSteps, type Step } from "../../../scripts/set-up/run-steps.mjs";
import { StepError } from "../../../scripts/set-up/step-error.mjs";
import { withTemporaryFolder } from "./temporary-folder.ts";

describe("the set-up's steps", () => {
  const folder = withTemporaryFolder();
  let ran: string[];
  let said: string;

  beforeEach(() => {
    ran = [];
    said = "";
    writeFileSync(join(folder.path, "input"), "1");
  });

  const report = () => createReport({ write: (text) => (said += text) });

  function step(name: string, rest: Partial<Step> = {}): Step {
    const run = (): Promise<void> => {
      ran.push(name);
      writeFileSync(join(folder.path, `${name}.out`), "");
      return Promise.resolve();
    };
    return { name, progress: `doing ${name}`, inputs: ["input"], outputs: [`${name}.out`], run, ...rest };
  }
  const runAll = (...steps: Step[]): Promise<void> => runSteps(folder.path, steps, report());

  it("run in order, with one line each, and then not again and silently", async () => {
    const steps = [step("a"), step("b", { inputs: [{ step: "a" }] })];
    await runAll(...steps);
    deepEqual(ran, ["a", "b"]);
    deepEqual(said.replaceAll(/\d+\.\d s/g, "0.0 s").split("\n"), [
      "set-up: doing a ... 0.0 s",
      "set-up: doing b ... 0.0 s",
      "",
    ]);
    said = "";
    await runAll(...steps);
    deepEqual([ran.length, said], [2, ""]);
  });

  it("run again when an input changed, and those that build on them", async () => {
    const steps = [step("a"), step("b", { inputs: [{ step: "a" }] }), step("c", { inputs: [] })];
    await runAll(...steps);
    writeFileSync(join(folder.path, "input"), "2");
    await runAll(...steps);
    deepEqual(ran, ["a", "b", "c", "a", "b"]);
  });

  it("run again when an output is missing", async () => {
    await runAll(step("a"));
    rmSync(join(folder.path, "a.out"));
    await runAll(step("a"));
    deepEqual(ran, ["a", "a"]);
  });

  it("run again when an input changed while they ran", async () => {
    const slow = step("a", {
      run: () => {
        ran.push("a");
        writeFileSync(join(folder.path, "a.out"), "");
        writeFileSync(join(folder.path, "input"), "edited meanwhile");
        return Promise.resolve();
      },
    });
    await runAll(slow);
    await runAll(slow);
    deepEqual(ran, ["a", "a"]);
  });

  it("end at a failure, which leaves no stamp, even where there was one", async () => {
    await runAll(step("a"));
    writeFileSync(join(folder.path, "input"), "2");
    const failing = step("a", { run: () => Promise.reject(new StepError("broken")) });
    await rejects(runAll(failing, step("b")), /broken/);
    deepEqual(ran, ["a"]);
    equal(said.endsWith("set-up: doing a ... failed\n"), true, said);
    writeFileSync(join(folder.path, "input"), "1");
    await runAll(step("a"));
    deepEqual(ran, ["a", "a"]);
    equal(existsSync(join(folder.path, "build/.lock")), false);
  });

  it("ask where the state is not in the checkout", async () => {
    let isDone = false;
    const packages = step("packages", { inputs: [], outputs: [], isDone: () => isDone });
    await runAll(packages);
    isDone = true;
    await runAll(packages);
    deepEqual(ran, ["packages"]);
  });

  it("are done once by two set-ups at the same time", async () => {
    const slow = step("a", {
      run: async () => {
        ran.push("a");
        await new Promise((resolve) => setTimeout(resolve, 50));
        writeFileSync(join(folder.path, "a.out"), "");
      },
    });
    await Promise.all([runAll(slow), runAll(slow)]);
    deepEqual(ran, ["a"]);
    equal(/waiting for another set-up of this folder \(process \d+\)/.test(said), true, said);
  });
});
