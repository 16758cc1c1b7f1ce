import assert from "node:assert/strict";
import { linux } from "./linux.ts";

const MEBIBYTE = 1024 * 1024;

describe("the memory of the agent", () => {
  it("is given back when it is garbage", () => {
    const makeGarbage = (): number => {
      const garbage = Array.from({ length: 1_000_000 }, (_, index) => ({ index }));
      return garbage.length;
    };
    const before = process.memoryUsage().heapUsed;
    assert.equal(makeGarbage(), 1_000_000);
    linux.releaseMemory();
    const grownBytes = process.memoryUsage().heapUsed - before;
    assert.ok(grownBytes < 5 * MEBIBYTE, `${grownBytes} bytes more`);
  });
});
