import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { fileSystemAsker } from "../../../src/stats/index.ts";
import { KERNEL_FILES, KernelFolders, plain, sampleOf } from "../../support/kernel-folders.ts";

const NO_TIMES = { userMs: 0, niceMs: 0, systemMs: 0, idleMs: 0, iowaitMs: 0, irqMs: 0 };
const MORE_NO_TIMES = { softirqMs: 0, stealMs: 0, guestMs: 0, guestNiceMs: 0 };
const NO_STALL = { avg10BasisPoints: 0, avg60BasisPoints: 0, avg300BasisPoints: 0, totalUs: 0 };

/** The sample of KERNEL_FILES, group by group. */
const EXPECTED: Readonly<Record<string, unknown>> = {
  containerCpu: {
    ...{ usageUs: 1_500_000, userUs: 1_000_000, systemUs: 500_000, periods: 10, throttledPeriods: 3 },
    ...{ throttledUs: 4000, limitMillicpus: 1500 },
  },
  containerMemory: {
    ...{ currentBytes: 73_400_320, peakBytes: 80_000_000, limitBytes: 536_870_912 },
    ...{ anonBytes: 67_108_864, fileBytes: 4_194_304 },
    ...{ inactiveFileBytes: 1_048_576, shmemBytes: 4096, slabBytes: 65_536, kernelStackBytes: 32_768 },
    ...{ swapBytes: 0, pageFaults: 20_000, majorPageFaults: 17, lowEvents: 0, highEvents: 1, maxEvents: 2 },
    ...{ oomEvents: 3, oomKills: 4 },
  },
  containerIo: {
    devices: [
      {
        ...{ device: "254:0", readBytes: 1_048_576, writtenBytes: 2_097_152, reads: 10, writes: 20 },
        ...{ discardedBytes: 0, discards: 0 },
      },
    ],
  },
  containerPids: { current: 5, peak: 9, limit: 1800 },
  containerPressure: {
    cpu: {
      some: { avg10BasisPoints: 125, avg60BasisPoints: 50, avg300BasisPoints: 7, totalUs: 123_456 },
      full: NO_STALL,
    },
    memory: { some: NO_STALL, full: NO_STALL },
    io: { some: { ...NO_STALL, totalUs: 99 }, full: { ...NO_STALL, totalUs: 98 } },
  },
  machineCpu: {
    total: {
      ...{ ...NO_TIMES, userMs: 3000, niceMs: 10, systemMs: 2000, idleMs: 50_000, iowaitMs: 200 },
      ...{ ...MORE_NO_TIMES, softirqMs: 30, stealMs: 40 },
    },
    cpus: [
      {
        ...{ cpu: 0, ...NO_TIMES, userMs: 1000, systemMs: 1000, idleMs: 25_000, iowaitMs: 100 },
        ...{ ...MORE_NO_TIMES, softirqMs: 10, stealMs: 20 },
      },
      {
        ...{ cpu: 1, ...NO_TIMES, userMs: 2000, niceMs: 10, systemMs: 1000, idleMs: 25_000, iowaitMs: 100 },
        ...{ ...MORE_NO_TIMES, softirqMs: 20, stealMs: 20 },
      },
    ],
    ...{ contextSwitches: 67_890, interrupts: 12_345, forks: 321 },
  },
  machineMemory: {
    ...{ totalBytes: 512_000_000, freeBytes: 307_200_000, availableBytes: 409_600_000 },
    ...{ buffersBytes: 1_024_000, cachedBytes: 92_160_000, shmemBytes: 614_400, slabBytes: 20_480_000 },
    ...{ dirtyBytes: 12_288, writebackBytes: 0, swapTotalBytes: 0, swapFreeBytes: 0 },
  },
  machineSystem: {
    ...{ load1Hundredths: 25, load5Hundredths: 10, load15Hundredths: 107, runnableTasks: 2, tasks: 80 },
    ...{ uptimeMs: 350_735_470, sockets: 21, tcpSockets: 3, udpSockets: 2, entropyBits: 256 },
    ...{ clockOffsetUs: -1234, openFiles: 704 },
  },
  network: [
    {
      ...{ name: "eth0", receivedBytes: 1_000_000, receivedPackets: 2000, receiveErrors: 1, receiveDrops: 2 },
      ...{ sentBytes: 500_000, sentPackets: 1000, sendErrors: 3, sendDrops: 4 },
    },
  ],
  disks: [
    {
      ...{ name: "vda", reads: 100, readBytes: 1_024_000, readMs: 30, writes: 50, writtenBytes: 2_048_000 },
      ...{ writeMs: 70, inFlight: 0, busyMs: 90, discards: 0, discardedBytes: 0, flushes: 8 },
    },
    {
      ...{ name: "vdb", reads: 10, readBytes: 40_960, readMs: 3, writes: 0, writtenBytes: 0, writeMs: 0 },
      ...{ inFlight: 1, busyMs: 9, discards: 1, discardedBytes: 8192, flushes: 0 },
    },
  ],
};

describe("the collectors", () => {
  for (const [group, expected] of Object.entries(EXPECTED)) {
    it(`read what the kernel says: ${group}`, () => {
      using folders = new KernelFolders();
      const sample = sampleOf(folders.statistics({ clockOffsetUs: () => -1234 }));
      deepEqual(plain(Reflect.get(sample, group)), expected);
    });
  }

  it("tell of the agent itself, and of the reading before", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics({ restarts: 2 });
    equal(sampleOf(statistics).agent?.samplingUs, null, "there was none");
    statistics.noteDelay(3.5);
    statistics.noteDelay(1);
    const { agent } = sampleOf(statistics);
    deepEqual(
      [agent?.residentBytes, agent?.memoryBytes, agent?.cpuUs, agent?.restarts, agent?.eventLoopDelayUs],
      [36_864_000, 30_000_000, 900_000, 2, 3500],
    );
    ok((agent?.samplingUs ?? 0) > 0);
    equal(sampleOf(statistics).agent?.eventLoopDelayUs, 0, "only since the sample before");
  });

  it("say when: monotonic and wall-clock time", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    const [one, other] = [sampleOf(statistics), sampleOf(statistics)];
    ok((other.monotonicUs ?? 0) > (one.monotonicUs ?? 0));
    ok(Math.abs((one.wallUs ?? 0) / 1000 - Date.now()) < 5000);
  });

  it("ask file systems for their size, and say what they are", () => {
    using folders = new KernelFolders();
    const fileSystems = fileSystemAsker(() => [
      { mountPoint: "/", path: "/", isRemote: false },
      { mountPoint: "/gone", path: join(folders.folder, "gone"), isRemote: false },
    ]);
    const list = sampleOf(folders.statistics({ fileSystems })).fileSystems ?? [];
    deepEqual(
      list.map(({ mountPoint }) => mountPoint),
      ["/"],
    );
    const { type, sizeBytes, usedBytes, availableBytes } = list[0] ?? {};
    notEqual(type, "");
    ok((sizeBytes ?? 0) >= (usedBytes ?? 0) + (availableBytes ?? 0));
  });

  it("ask a server's file system aside, and tell what it has answered", async () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics({
      fileSystems: fileSystemAsker(() => [{ mountPoint: "/data", path: "/", isRemote: true }]),
    });
    deepEqual(plain(sampleOf(statistics).fileSystems), []);
    let list = sampleOf(statistics).fileSystems;
    while (list?.length === 0) {
      await new Promise(setImmediate);
      list = sampleOf(statistics).fileSystems;
    }
    equal(list?.[0]?.mountPoint, "/data");
  });

  for (const name of Object.keys(KERNEL_FILES).filter((each) => !each.startsWith("sys/"))) {
    it(`leave unset what a kernel without ${name} does not tell, and all else as it is`, () => {
      using folders = new KernelFolders();
      const whole = plain(sampleOf(folders.statistics()));
      folders.remove(name);
      const without = plain(sampleOf(folders.statistics()));
      // What is there is what was there: nothing is 0 in place of nothing.
      assertPart(without, whole, "sample");
      ok(JSON.stringify(without).length < JSON.stringify(whole).length, "the file tells nothing");
    });
  }

  it("leave everything unset when there is no file at all", () => {
    using folders = new KernelFolders({});
    const { monotonicUs, wallUs, agent, ...rest } = plain(sampleOf(folders.statistics())) as Record<
      string,
      unknown
    >;
    ok(monotonicUs !== undefined && wallUs !== undefined);
    deepEqual(agent, { eventLoopDelayUs: 0, restarts: 0 });
    deepEqual(rest, { network: [], disks: [], fileSystems: [] });
  });

  it("leave a limit unset that is none", () => {
    using folders = new KernelFolders();
    folders.write("container/cpu.max", "max 100000\n");
    for (const name of ["memory.max", "pids.max"]) folders.write(`container/${name}`, "max\n");
    const { containerCpu, containerMemory, containerPids } = sampleOf(folders.statistics());
    deepEqual(
      [containerCpu?.limitMillicpus, containerMemory?.limitBytes, containerPids?.limit],
      [null, null, null],
    );
  });

  it("leave out a partition, a loop device and the loopback", () => {
    using folders = new KernelFolders();
    folders.remove("sys/class/block/vda1");
    const { disks, network } = sampleOf(folders.statistics());
    deepEqual(
      disks?.map(({ name }) => name),
      ["vda", "vda1", "vdb"],
    );
    deepEqual(
      network?.map(({ name }) => name),
      ["eth0"],
    );
  });

  it("find a file that comes later, and one that was made anew", () => {
    using folders = new KernelFolders();
    folders.remove("container/pids.peak");
    const statistics = folders.statistics();
    equal(sampleOf(statistics).containerPids?.peak, null);
    folders.write("container/pids.peak", "12\n");
    let peak = sampleOf(statistics).containerPids?.peak;
    for (let tries = 0; peak === null && tries < 100; tries++)
      peak = sampleOf(statistics).containerPids?.peak;
    equal(peak, 12);
  });

  it("read files that grow beyond their place", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    equal(sampleOf(statistics).network?.length, 1);
    const line = (number: number): string => `  net${number}: ${number} 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n`;
    folders.write("proc/net/dev", Array.from({ length: 50 }, (_, number) => line(number)).join(""));
    const { network } = sampleOf(statistics);
    deepEqual(
      network?.map(({ name, receivedBytes }) => [name, receivedBytes]),
      Array.from({ length: 50 }, (_, number) => [`net${number}`, number]),
    );
  });

  it("list so many devices and no more, whatever a container makes", () => {
    using folders = new KernelFolders();
    const line = (number: number): string => `  net${number}: ${number} 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n`;
    folders.write("proc/net/dev", Array.from({ length: 3000 }, (_, number) => line(number)).join(""));
    equal(sampleOf(folders.statistics()).network?.length, 64);
  });
});

/** Every value of the one is in the other. */
function assertPart(part: unknown, whole: unknown, path: string): void {
  if (Array.isArray(part)) {
    for (const [index, each] of part.entries())
      assertPart(each, Reflect.get(Object(whole), index), `${path}[${index}]`);
    return;
  }
  if (typeof part === "object" && part !== null) {
    for (const [key, value] of Object.entries(part)) {
      if (TIMES.has(key)) continue;
      assertPart(value, Reflect.get(Object(whole), key), `${path}.${key}`);
    }
    return;
  }
  equal(part, whole, path);
}

/** Of the sample itself. */
const TIMES = new Set(["monotonicUs", "wallUs", "eventLoopDelayUs", "samplingUs"]);
