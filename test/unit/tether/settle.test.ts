import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const MODULE = fileURLToPath(import.meta.resolve("../../../src/tether/settle.ts"));

/** Bits of V8's %GetOptimizationStatus (src/runtime/runtime.h): by Maglev, by Turbofan. */
const OPTIMISED = (1 << 5) | (1 << 6);

const SCRIPT = `
  const { setFlagsFromString } = require("node:v8");
  for (const flag of ["turbofan", "maglev"]) setFlagsFromString("--no-" + flag);
  const isOptimised = () => {
    const add = new Function("one", "other", "let sum = 0; for (let n = 0; n < 1e4; n++) sum += one * other; return sum;");
    for (let round = 0; round < 2000; round++) add(round, 1);
    return (%GetOptimizationStatus(add) & ${OPTIMISED}) !== 0;
  };
  console.log("before", isOptimised());
  import(${JSON.stringify(MODULE)}).then(({ settleLater }) => {
    settleLater({ trimMemory: () => console.log("trimmed") }, () => console.log("settled"), 1);
    setTimeout(() => console.log("after", isOptimised()), 20);
  });`;

/** What a second of statistics is: a function that is called now and then. */
const SELDOM = `
  const { setFlagsFromString } = require("node:v8");
  for (const flag of ["turbofan", "maglev", "sparkplug"]) setFlagsFromString("--no-" + flag);
  const add = new Function("one", "other", "return one * other + one;");
  const turn = (calls) => new Promise((resolve) => calls < 100 ? setImmediate(resolve) : setTimeout(resolve, 20));
  import(${JSON.stringify(MODULE)}).then(async ({ settleLater }) => {
    // Its own timer keeps nothing alive.
    const alive = setInterval(() => {}, 1000);
    await new Promise((resolve) => settleLater({ trimMemory: resolve }, () => {}, 1));
    clearInterval(alive);
    let calls = 0;
    // The compiler works beside it, and may come late on a busy machine.
    for (; calls < 300 && (%GetOptimizationStatus(add) & ${OPTIMISED}) === 0; calls += 1) {
      add(calls, 2);
      await turn(calls);
    }
    console.log(calls < 300);
  });`;

describe("V8's optimising compilers", () => {
  it("work again once the start is over", () => {
    const said = execFileSync(process.execPath, ["--allow-natives-syntax", "-e", SCRIPT], {
      encoding: "utf8",
    });
    assert.equal(said, "before false\nsettled\ntrimmed\nafter true\n");
  });

  it("take what is called once a second within minutes", () => {
    // Whose calls are counted, as for the tests' coverage, is optimised later.
    const env = { ...process.env, NODE_V8_COVERAGE: "" };
    const said = execFileSync(process.execPath, ["--allow-natives-syntax", "-e", SELDOM], {
      ...{ encoding: "utf8", env },
    });
    assert.equal(said, "true\n");
  });
});
