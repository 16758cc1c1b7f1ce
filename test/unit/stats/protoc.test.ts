import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { SampleEncoder } from "../../../src/stats/encoding/sample-encoder.ts";
import { ALL_GROUPS } from "../../../src/stats/values/schema.ts";
import { KernelFolders } from "../../support/kernel-folders.ts";

const proto = join(import.meta.dirname, "../../../proto");

/** What Google's compiler finds in a message: `name { name: value }`. */
function protoc(type: string, bytes: Uint8Array): string {
  const args = [`--proto_path=${proto}`, `--decode=tether.stats.${type}`, "stats.proto"];
  return execFileSync("protoc", args, { input: bytes, encoding: "utf8" });
}

describe("another implementation of protobuf (protoc)", () => {
  it("reads a full sample, every field by its name", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics({ clockOffsetUs: () => -7 });
    statistics.read();
    const text = protoc("Sample", new SampleEncoder().sample(statistics.read(), ALL_GROUPS));
    // What it has no name for, it shows by its number.
    equal(/^\s*\d+[ :]/m.test(text), false, text);
    for (const line of ["usage_us: 1500000", "oom_kills: 4", 'device: "254:0"', "clock_offset_us: -7"])
      equal(text.includes(line), true, line);
    equal(text.match(/idle_ms: 25000/g)?.length, 2);
  });

  it("reads a difference", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    statistics.read();
    const base = statistics.read();
    folders.write("container/pids.current", "3\n");
    const reading = statistics.read();
    const { frame } = new SampleEncoder().message({ reading, groups: ALL_GROUPS, base, lost: 6 });
    // Without its length, which takes one byte here.
    const text = protoc("Message", frame.subarray(1));
    const pids = /container_pids \{\s*(?<fields>[^}]*?)\s*\}/.exec(text)?.groups?.["fields"];
    deepEqual([text.includes("delta: true"), text.includes("lost: 6"), pids], [true, true, "current: -2"]);
  });
});
