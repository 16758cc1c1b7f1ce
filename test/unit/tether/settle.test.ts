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

describe("V8's optimising compilers", () => {
  it("work again once the start is over", () => {
    const said = execFileSync(process.execPath, ["--allow-natives-syntax", "-e", SCRIPT], {
      encoding: "utf8",
    });
    assert.equal(said, "before false\nsettled\ntrimmed\nafter true\n");
  });
});
