import { ok } from "node:assert/strict";
import systeminformation from "systeminformation";
import {
  fileSystemAsker,
  KernelStatistics,
  kernelFileSource,
  type StatisticsSources,
} from "../../../src/stats/index.ts";
import { SampleEncoder } from "../../../src/stats/encoding/sample-encoder.ts";
import { ALL_GROUPS } from "../../../src/stats/values/schema.ts";
import { tether } from "../../../src/protocol/generated/stats.js";
import type { Sample } from "../../support/kernel-folders.ts";
import { nativeSystem } from "../../support/native-system.ts";

const SOURCES: StatisticsSources = {
  files: kernelFileSource(nativeSystem()),
  // This machine's; which cgroups it has does not matter here.
  folders: { container: "/sys/fs/cgroup", tether: "/sys/fs/cgroup", proc: "/proc", sys: "/sys" },
  fileSystems: fileSystemAsker(() => [{ mountPoint: "/", path: "/", isRemote: false }]),
  restarts: 0,
  clockOffsetUs: () => undefined,
  counters: { read: () => undefined, write: () => {} },
};

/** Between what was before and after it was asked, and a little around that: the machine is not alone. */
function assertBetween(value: number, before: number, after: number, slack: number, what: string): void {
  const [least, most] = [Math.min(before, after) - slack, Math.max(before, after) + slack];
  ok(value >= least && value <= most, `${what}: ${value} is not ${least} to ${most}`);
}

// Another implementation, which starts programs to find out: the statistics do not use it (DESIGN.md), but agree with it.
describe("what systeminformation finds out about this machine", function () {
  this.timeout(20_000);
  const statistics = new KernelStatistics(SOURCES);
  const encoder = new SampleEncoder();
  const sample = (): Sample => tether.stats.Sample.decode(encoder.sample(statistics.read(), ALL_GROUPS));
  after(() => statistics.close());

  const around = async <T>(ask: () => Promise<T>): Promise<readonly [Sample, T, Sample]> => [
    sample(),
    await ask(),
    sample(),
  ];

  it("is the same of its memory", async () => {
    const [before, { total, free, available, swaptotal }, after] = await around(() =>
      systeminformation.mem(),
    );
    const slack = 256 * 1024 * 1024;
    const [first, last] = [before.machineMemory ?? {}, after.machineMemory ?? {}];
    assertBetween(total, first.totalBytes ?? 0, last.totalBytes ?? 0, 0, "total");
    assertBetween(free, first.freeBytes ?? 0, last.freeBytes ?? 0, slack, "free");
    assertBetween(available, first.availableBytes ?? 0, last.availableBytes ?? 0, slack, "available");
    assertBetween(swaptotal, first.swapTotalBytes ?? 0, last.swapTotalBytes ?? 0, 0, "swap");
  });

  it("is the same of its root file system", async () => {
    const [before, disks, after] = await around(() => systeminformation.fsSize());
    const root = disks.find(({ mount }) => mount === "/");
    const [first, last] = [before.fileSystems?.[0] ?? {}, after.fileSystems?.[0] ?? {}];
    const slack = 256 * 1024 * 1024;
    assertBetween(root?.size ?? -1, first.sizeBytes ?? 0, last.sizeBytes ?? 0, 4096, "size");
    assertBetween(root?.used ?? -1, first.usedBytes ?? 0, last.usedBytes ?? 0, slack, "used");
  });

  it("is the same of its network", async () => {
    const name = sample().network?.[0]?.name ?? "";
    const [before, [found], after] = await around(() => systeminformation.networkStats(name));
    const of = (each: Sample) => each.network?.find((card) => card.name === name);
    const slack = 64 * 1024;
    const [first, last] = [of(before) ?? {}, of(after) ?? {}];
    assertBetween(
      found?.rx_bytes ?? -1,
      first.receivedBytes ?? 0,
      last.receivedBytes ?? 0,
      slack,
      "received",
    );
    assertBetween(found?.tx_bytes ?? -1, first.sentBytes ?? 0, last.sentBytes ?? 0, slack, "sent");
  });

  it("is the same of how busy its processors were", async () => {
    const idle = (each: Sample): number => each.machineCpu?.total?.idleMs ?? 0;
    const all = ({ machineCpu }: Sample): number => {
      const { guestMs: _in, guestNiceMs: _inNice, ...times } = machineCpu?.total ?? {};
      return Object.values(times).reduce<number>((sum, ms) => sum + (typeof ms === "number" ? ms : 0), 0);
    };
    await systeminformation.currentLoad();
    const before = sample();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { currentLoadIdle } = await systeminformation.currentLoad();
    const after = sample();
    const ours = (100 * (idle(after) - idle(before))) / (all(after) - all(before));
    ok(Math.abs(ours - currentLoadIdle) < 15, `${ours} % idle, it says ${currentLoadIdle}`);
  });
});
