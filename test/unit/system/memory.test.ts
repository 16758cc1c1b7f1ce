import assert from "node:assert/strict";
import { isolated } from "./linux.ts";

const MEBIBYTE = 1024 * 1024;

describe("the memory of the agent", () => {
  it("is given back to the kernel when it is free, though others between it are in use", async () => {
    const freed = await isolated(`
      const v8 = await import("node:v8");
      const vm = await import("node:vm");
      v8.setFlagsFromString("--expose-gc");
      const gc = vm.runInNewContext("gc");
      let buffers = Array.from({ length: 2048 }, () => Buffer.alloc(32 * 1024, 1));
      const kept = buffers.filter((_, index) => index % 64 === 0);
      buffers = undefined;
      // Another thread frees them.
      while (process.memoryUsage().arrayBuffers > 4 * ${MEBIBYTE}) gc();
      const before = process.memoryUsage.rss();
      system.trimMemory();
      result({ freed: before - process.memoryUsage.rss(), kept: kept.length });
    `);
    const { freed: bytes } = freed as { readonly freed: number };
    assert.ok(bytes > 20 * MEBIBYTE, `${bytes} bytes`);
  }).timeout(20_000);
});
