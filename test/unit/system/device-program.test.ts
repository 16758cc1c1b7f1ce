import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { linux } from "./linux.ts";

describe("attachDeviceProgram", () => {
  it("checks its arguments, and gives the kernel's refusal of what is no program", () => {
    const folder = openSync("/tmp", "r");
    try {
      assert.throws(() => linux.attachDeviceProgram(-1, new Uint8Array(8)), TypeError);
      assert.throws(() => linux.attachDeviceProgram(folder, "no bytes" as unknown as Uint8Array), TypeError);
      const refused = { syscall: "bpf BPF_PROG_LOAD", name: "SystemCallError" };
      assert.throws(() => linux.attachDeviceProgram(folder, new Uint8Array(0)), refused);
      assert.throws(() => linux.attachDeviceProgram(folder, new Uint8Array(8).fill(255)), refused);
    } finally {
      closeSync(folder);
    }
  });
});
