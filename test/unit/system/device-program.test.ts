import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { Session } from "node:inspector";
import { linux } from "./linux.ts";

/** Long enough for a signal to arrive while the kernel checks it: `r0 = 1`, again and again, and `exit`. */
function longProgram(): Buffer {
  const [move, exit] = [Buffer.from("b700000001000000", "hex"), Buffer.from("9500000000000000", "hex")];
  return Buffer.concat([...Array.from({ length: 200 }, () => move), exit]);
}

describe("attachDeviceProgram", () => {
  it("is not given up for a signal that arrives meanwhile", () => {
    const folder = openSync("/tmp", "r");
    // It sends the thread 50,000 signals a second.
    const profiler = new Session();
    profiler.connect();
    profiler.post("Profiler.enable");
    profiler.post("Profiler.setSamplingInterval", { interval: 20 });
    profiler.post("Profiler.start");
    try {
      const program = longProgram();
      for (let round = 0; round < 100; round++)
        assert.throws(() => linux.attachDeviceProgram(folder, program), { syscall: "bpf BPF_PROG_ATTACH" });
    } finally {
      profiler.disconnect();
      closeSync(folder);
    }
  });

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
