import { deepEqual, equal } from "node:assert/strict";
import { readableStatistics } from "../../../src/stats/readable-statistics.ts";
import type { Sample } from "../../support/kernel-folders.ts";

const BEFORE: Sample = {
  monotonicUs: 1_000_000,
  containerCpu: { usageUs: 500_000 },
  containerMemory: { currentBytes: 5_000_000, inactiveFileBytes: 1_000_000, oomKills: 0 },
  machineMemory: { totalBytes: 500_000_000 },
  containerIo: { devices: [{ device: "254:0", readBytes: 0, writtenBytes: 100 }] },
  containerPids: { current: 1 },
  network: [{ name: "eth0", receivedBytes: 1000, sentBytes: 10 }],
};

const NOW: Sample = {
  monotonicUs: 21_000_000,
  containerCpu: { usageUs: 25_500_000 },
  containerMemory: { currentBytes: 6_000_000, inactiveFileBytes: 1_500_000, oomKills: 2 },
  machineMemory: { totalBytes: 500_000_000 },
  containerIo: {
    devices: [
      { device: "254:0", readBytes: 2000, writtenBytes: 100 },
      { device: "254:16", readBytes: 0, writtenBytes: 4000 },
    ],
  },
  containerPids: { current: 12 },
  network: [
    { name: "eth0", receivedBytes: 3000, sentBytes: 10 },
    { name: "eth1", receivedBytes: 500, sentBytes: 40_000 },
  ],
};

describe("readable statistics", () => {
  it("are what a person wants to know at a glance", () => {
    deepEqual(Object.fromEntries(readableStatistics(BEFORE, NOW)), {
      ...{ cpu_percent: "125.0", memory_used_bytes: "4500000", memory_limit_bytes: "500000000" },
      ...{ network_received_bytes_per_second: "125", network_sent_bytes_per_second: "2000" },
      ...{ disk_read_bytes_per_second: "100", disk_written_bytes_per_second: "200" },
      ...{ pids: "12", oom_kills: "2" },
    });
  });

  it("say nothing of what the kernel does not tell", () => {
    const values = [...readableStatistics({ monotonicUs: 1 }, { monotonicUs: 2 }).values()];
    equal(values.length, 9);
    deepEqual(
      values.filter((value) => value !== undefined),
      [],
    );
  });

  it("have the container's own limit when it has one", () => {
    const now = { ...NOW, containerMemory: { ...NOW.containerMemory, limitBytes: 64_000_000 } };
    equal(readableStatistics(BEFORE, now).get("memory_limit_bytes"), "64000000");
  });
});
