import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { tether } from "../../src/protocol/generated/stats.js";
import { TetherError } from "../../src/protocol/errors/index.ts";
import { plain, type Sample } from "../support/kernel-folders.ts";
import { useSegment } from "../support/network-segment.ts";
import { programWithLibraries } from "../support/program-with-libraries.ts";
import type { StatisticsClient } from "../support/statistics-client.ts";
import { ROOT, useHost } from "../support/vm-host.ts";
import { writeBusyboxImage } from "../support/vm-images.ts";
import { openStatisticsLink, type StatisticsLink } from "../support/vm-statistics.ts";

const { Group } = tether.stats;

const MEBIBYTE = 1024 * 1024;
const NAME = "counted";

describe("the statistics of a container VM with two CPUs, a vNIC and its disk", function () {
  this.timeout(180_000);
  let link: StatisticsLink | undefined;
  // Before the host looks at what is left.
  after(async () => {
    await link?.[Symbol.asyncDispose]();
    await host.run(["rm", "-f", NAME]);
  });
  const host = useHost();
  const segment = useSegment("stats", ["192.0.2.1/24"], 1);

  before(async () => {
    const image = await writeLoadImage();
    const network = "tap:tap0,mac=02:00:00:00:00:07,ip=192.0.2.7/24";
    const machine = ["--name", NAME, "--cpus", "2", "--memory", "512m", "--network", network];
    const options = [...machine, "--cap-add", "SYS_TIME"];
    const { status, stderr } = await host.run(["run", "-d", ...options, image, "sleep", "100000"], {
      program: segment.vch,
    });
    assert.equal(status, 0, stderr.toString());
    link = await openStatisticsLink(host, NAME);
  });
  /** busybox, a program that touches memory, and Debian's stress-ng. */
  const writeLoadImage = (): Promise<string> => {
    mkdirSync(host.file("programs"));
    const touch = host.file("programs", "touch-memory");
    const source = join(ROOT, "test/support/programs/touch-memory.c");
    execFileSync("musl-gcc", ["-static", "-O1", "-Wall", "-Wextra", "-Werror", "-o", touch, source]);
    const program = { name: "bin/touch-memory", mode: 0o755, data: readFileSync(touch) };
    const entries = [program, ...programWithLibraries("/usr/bin/stress-ng")];
    return writeBusyboxImage(host.file("image"), { entries, config: { Env: ["PATH=/bin"] } });
  };

  /** Runs a command in the container to its end. */
  const inside = async (script: string): Promise<string> => {
    const { status, stdout, stderr } = await host.run(["exec", NAME, "sh", "-c", script]);
    assert.equal(status, 0, `${script}: ${stderr.toString()}`);
    return stdout.toString();
  };
  const open = (): Promise<StatisticsClient> => {
    assert(link !== undefined);
    return link.open();
  };
  const sample = async (): Promise<Sample> => {
    const client = await open();
    client.send({ getSample: {} });
    await client.count(1);
    await client.close();
    return client.samples[0] ?? {};
  };
  /** What was recorded after a time of the guest's, in microseconds. */
  const history = async (afterUs: number): Promise<readonly Sample[]> => {
    const client = await open();
    client.send({ getHistory: { afterMonotonicMs: Math.max(0, Math.floor(afterUs / 1000)) } });
    await client.until(() => client.messages.some(({ historyEnd, error }) => historyEnd ?? error));
    await client.close();
    assert.deepEqual(plain(client.messages.flatMap(({ error }) => error ?? [])), []);
    return client.samples;
  };
  /** What happened from a sample before something to one after it. */
  const around = async (work: () => Promise<unknown>): Promise<readonly [before: Sample, after: Sample]> => {
    const before = await sample();
    await work();
    return [before, await sample()];
  };
  const subscribe = async (request: tether.stats.Subscribe.$Properties): Promise<StatisticsClient> => {
    const client = await open();
    client.send({ subscribe: request });
    return client;
  };
  /** CPU time of the container between two samples, in percent of one CPU. */
  const cpuPercent = (from: Sample | undefined, to: Sample | undefined): number =>
    (100 * ((to?.containerCpu?.usageUs ?? 0) - (from?.containerCpu?.usageUs ?? 0))) /
    ((to?.monotonicUs ?? 0) - (from?.monotonicUs ?? 0));

  it("read less than 1 % CPU of a container that is idle for a minute, and start no process", async () => {
    // From here on it records by itself: the kernel counts its thread as well.
    await history(0);
    const client = await subscribe({ periodMs: 1000, delta: true });
    await client.count(61);
    await client.close();
    const [first, last] = [client.samples[0], client.samples.at(-1)];
    assert.ok(cpuPercent(first, last) < 1, `${cpuPercent(first, last)} %`);
    assert.equal(last?.machineCpu?.forks, first?.machineCpu?.forks);
    assert.equal(last?.lost ?? 0, 0);
  });

  it("are as /proc and the cgroup read by hand", async () => {
    const files =
      "cd /sys/fs/cgroup; for i in memory.max pids.max; do echo $i $(cat $i); done; grep -E '^(MemTotal|SwapTotal)' /proc/meminfo; echo cpus $(grep -c ^processor /proc/cpuinfo); echo up $(cut -d. -f1 /proc/uptime)";
    let byHand = "";
    const [before, after] = await around(async () => {
      byHand = await inside(files);
    });
    const number = (pattern: RegExp): number => Number(pattern.exec(byHand)?.[1]);
    assert.equal(after.containerMemory?.limitBytes, number(/^memory\.max (\d+)$/m));
    assert.equal(after.containerPids?.limit, number(/^pids\.max (\d+)$/m));
    assert.equal(after.machineMemory?.totalBytes, number(/^MemTotal: +(\d+) kB$/m) * 1024);
    assert.equal(after.machineCpu?.cpus?.length, number(/^cpus (\d+)$/m));
    const up = number(/^up (\d+)$/m) * 1000;
    assert.ok(
      (before.machineSystem?.uptimeMs ?? 0) <= up + 1000 && up <= (after.machineSystem?.uptimeMs ?? 0),
    );
  });

  it("go on when the clock is set back: only the time of day does", async () => {
    const client = await subscribe({ periodMs: 1000, delta: true });
    await client.count(2);
    const second = Number(await inside("date +%s"));
    // An hour.
    await inside(`date -s @${second - 3600}`);
    const { length } = client.messages;
    await client.count(length + 3);
    await client.close();
    const recorded = await history(client.samples[0]?.monotonicUs ?? 0);
    await inside(`date -s @${second}`);
    for (const samples of [client.samples, recorded]) {
      const [first, last] = [samples[0], samples.at(-1)];
      const wentBack = ((first?.wallUs ?? 0) - (last?.wallUs ?? 0)) / 1_000_000;
      assert.ok(wentBack > 3000 && wentBack < 3600, `${wentBack} s`);
      for (const [index, each] of samples.entries())
        if (index > 0) assertGrown(samples[index - 1], each, `sample ${index}`);
    }
  });

  it("show a busy loop on one of two CPUs as 100 %", async () => {
    await inside("taskset -c 1 sh -c 'while :; do :; done' >/dev/null 2>&1 & echo $! >/tmp/loop");
    const client = await subscribe({ periodMs: 1000 });
    await client.count(11);
    await client.close();
    await inside("kill $(cat /tmp/loop)");
    const [first, last] = [client.samples[0], client.samples.at(-1)];
    const percent = cpuPercent(first, last);
    assert.ok(Math.abs(percent - 100) <= 3, `${percent} %`);
    const elapsedMs = ((last?.monotonicUs ?? 0) - (first?.monotonicUs ?? 0)) / 1000;
    const [idle0 = 0, idle1 = 0] = [0, 1].map((cpu) => {
      const idle = (each: Sample | undefined): number => each?.machineCpu?.cpus?.[cpu]?.idleMs ?? 0;
      return (100 * (idle(last) - idle(first))) / elapsedMs;
    });
    assert.ok(idle1 < 3 && idle0 > 50, `CPU 0 is idle for ${idle0} %, CPU 1 for ${idle1} %`);
  });

  it("show exactly 64 MiB more when a process touches 64 MiB", async () => {
    const [before, after] = await around(() =>
      inside(
        "touch-memory 64 >/tmp/touched & echo $! >/tmp/pid; until grep -q t /tmp/touched; do sleep 0.1; done",
      ),
    );
    await inside("kill $(cat /tmp/pid)");
    for (const field of ["anonBytes", "currentBytes"] as const) {
      const grown =
        ((after.containerMemory?.[field] ?? 0) - (before.containerMemory?.[field] ?? 0)) / MEBIBYTE;
      assert.ok(Math.abs(grown - 64) <= 2, `${field}: ${grown} MiB`);
    }
    assert.equal((after.containerPids?.current ?? 0) - (before.containerPids?.current ?? 0), 1);
  });

  it("count what dd writes and reads past the cache", async () => {
    const written = ({ containerIo }: Sample): number =>
      containerIo?.devices?.reduce((sum, { writtenBytes }) => sum + (writtenBytes ?? 0), 0) ?? 0;
    const read = ({ containerIo }: Sample): number =>
      containerIo?.devices?.reduce((sum, { readBytes }) => sum + (readBytes ?? 0), 0) ?? 0;
    const disk = (field: "writtenBytes" | "readBytes", { disks }: Sample): number =>
      disks?.reduce((sum, each) => sum + (each[field] ?? 0), 0) ?? 0;
    const [before, between] = await around(() =>
      inside("dd if=/dev/zero of=/file bs=1M count=16 oflag=direct 2>/dev/null"),
    );
    const after = (await around(() => inside("dd if=/file of=/dev/null bs=1M iflag=direct 2>/dev/null")))[1];
    const size = 16 * MEBIBYTE;
    const near = (bytes: number): boolean => bytes >= size && bytes <= size + MEBIBYTE;
    assert.ok(near(written(between) - written(before)), `written: ${written(between) - written(before)}`);
    assert.ok(near(read(after) - read(between)), `read: ${read(after) - read(between)}`);
    assert.ok(disk("writtenBytes", between) - disk("writtenBytes", before) >= size);
    assert.ok(disk("readBytes", after) - disk("readBytes", between) >= size);
    const used = (each: Sample): number => each.fileSystems?.[0]?.usedBytes ?? 0;
    assert.equal(after.fileSystems?.[0]?.mountPoint, "/");
    assert.ok(near(used(after) - used(before)), `the file system has ${used(after) - used(before)} more`);
  });

  it("count the bytes of the vNIC as they are counted outside", async () => {
    const outside = (direction: "rx" | "tx"): number =>
      Number(segment.script(`cat /sys/class/net/tap0/statistics/${direction}_bytes`));
    const counted = (): readonly number[] => [outside("rx"), outside("tx")];
    let from: readonly number[] = [];
    let to: readonly number[] = [];
    const [before, after] = await around(async () => {
      from = counted();
      await inside("ping -q -c 200 -i 0.01 -s 1200 192.0.2.1");
      to = counted();
    });
    const difference = (field: "sentBytes" | "receivedBytes"): number =>
      (after.network?.[0]?.[field] ?? 0) - (before.network?.[0]?.[field] ?? 0);
    const [sent = 0, received = 0] = to.map((bytes, index) => bytes - (from[index] ?? 0));
    assert.ok(sent > 200 * 1200);
    // Beside the pings there are a few packets of neighbour discovery.
    for (const [guest, host_] of [
      [difference("sentBytes"), sent],
      [difference("receivedBytes"), received],
    ] as const)
      assert.ok(Math.abs(guest - host_) < 1000, `${guest} in the guest, ${host_} outside`);
  });

  it("agree with what stress-ng has done: CPU, memory, io and forks", async () => {
    const stress = (words: string): Promise<string> =>
      inside(`stress-ng --metrics --yaml /tmp/y ${words} >/dev/null 2>&1; cat /tmp/y`);
    const result = (yaml: string, field: string): number =>
      Number(new RegExp(`^\\s*${field}: *([\\d.]+)`, "m").exec(yaml)?.[1]);
    let yaml = "";
    const [cpuBefore, cpuAfter] = await around(async () => {
      yaml = await stress("--cpu 1 --cpu-method int64 --timeout 6");
    });
    const usedMs = ((cpuAfter.containerCpu?.usageUs ?? 0) - (cpuBefore.containerCpu?.usageUs ?? 0)) / 1000;
    const saidMs = 1000 * (result(yaml, "user-time") + result(yaml, "system-time"));
    assert.ok(saidMs > 4000 && usedMs >= saidMs && usedMs - saidMs < 2500, `${usedMs} ms, it says ${saidMs}`);

    const client = await subscribe({ periodMs: 100, groups: [Group.CONTAINER_MEMORY, Group.CONTAINER_PIDS] });
    await stress("--vm 1 --vm-bytes 64M --vm-keep --vm-method zero-one --timeout 5");
    await client.close();
    const anon = client.samples.map(({ containerMemory }) => (containerMemory?.anonBytes ?? 0) / MEBIBYTE);
    const peak = Math.max(...anon) - (anon[0] ?? 0);
    assert.ok(peak >= 63 && peak < 80, `${peak} MiB`);

    const [ioBefore, ioAfter] = await around(async () => {
      yaml = await stress(
        "--hdd 1 --hdd-bytes 8M --hdd-opts direct,wr-seq --hdd-write-size 64k --hdd-ops 128",
      );
    });
    const written = (each: Sample): number =>
      each.containerIo?.devices?.reduce((sum, { writtenBytes }) => sum + (writtenBytes ?? 0), 0) ?? 0;
    assert.ok(
      written(ioAfter) - written(ioBefore) >= 8 * MEBIBYTE,
      `${written(ioAfter) - written(ioBefore)}`,
    );

    const [forkBefore, forkAfter] = await around(async () => {
      yaml = await stress("--fork 1 --fork-ops 500");
    });
    const forks = (forkAfter.machineCpu?.forks ?? 0) - (forkBefore.machineCpu?.forks ?? 0);
    assert.ok(
      forks >= result(yaml, "bogo-ops") && forks < 600,
      `${forks} forks, it says ${result(yaml, "bogo-ops")}`,
    );
  });

  it("serve a hundred subscribers at once", async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, open));
    for (const client of clients) client.send({ subscribe: { periodMs: 1000, delta: true } });
    await Promise.all(clients.map((client) => client.count(4)));
    // The first one was given when each came.
    const readings = new Set(
      clients.flatMap(({ samples }) => samples.slice(1, 4).map(({ monotonicUs }) => monotonicUs)),
    );
    await Promise.all(clients.map((client) => client.close()));
    assert.ok(readings.size < 12, `${readings.size} readings of the kernel for 300 samples`);
  });

  it("hold what was before the kernel killed for want of memory", async () => {
    const before = await sample();
    const { status } = await host.run(["exec", NAME, "touch-memory", "2000"]);
    assert.equal(status, 137);
    await sleep(1500);
    const samples = await history((before.monotonicUs ?? 0) - 5_000_000);
    const kills = (each: Sample | undefined): number => each?.containerMemory?.oomKills ?? 0;
    const killed = samples.findIndex((each) => kills(each) > kills(before));
    assert.ok(killed > 0, `${samples.length} samples`);
    const used = samples.map(({ containerMemory }) => (containerMemory?.currentBytes ?? 0) / MEBIBYTE);
    assert.ok(
      Math.max(...used.slice(0, killed)) > 100,
      `the most before were ${Math.max(...used.slice(0, killed))} MiB`,
    );
    const gaps = samples.map((each, index) =>
      index === 0 ? 0 : (each.monotonicUs ?? 0) - (samples[index - 1]?.monotonicUs ?? 0),
    );
    // The kernel tells its console a page about each kill, and under emulation a machine does nothing else meanwhile.
    assert.ok(Math.max(...gaps) < 20_000_000, `gaps of ${gaps.join(", ")} us`);
  });

  it("go on when the agent has crashed, and say that it has", async () => {
    while ((await history(0)).length < 3) await sleep(200);
    const before = await sample();
    await inside("kill -SEGV 1").catch((error: unknown) => {
      // The exec may end with its agent's connection.
      if (error instanceof TetherError) throw error;
    });
    await link?.[Symbol.asyncDispose]();
    link = await openStatisticsLink(host, NAME);
    const after = await sample();
    assert.equal((after.agent?.restarts ?? 0) - (before.agent?.restarts ?? 0), 1);
    assertGrown(before, after, "sample");
    const samples = await history((before.monotonicUs ?? 0) - 10_000_000);
    const earlier = samples.filter(({ monotonicUs }) => (monotonicUs ?? 0) < (before.monotonicUs ?? 0));
    assert.ok(
      earlier.length >= 3,
      `${earlier.length} of ${samples.length} samples are from before the crash`,
    );
    for (const [index, each] of samples.entries())
      if (index > 0) assertGrown(samples[index - 1], each, `sample ${index}`);
  });
});

/** What only grows. */
const COUNTERS =
  /(?:Us|Ms|reads|writes|forks|interrupts|contextSwitches|Packets|Faults|Events|Kills|flushes|discards|receivedBytes|sentBytes|readBytes|writtenBytes)$/;
const GAUGES = /(?:wallUs|delayUs|samplingUs|OffsetUs|DelayUs|BasisPoints)$/;

function assertGrown(before: unknown, after: unknown, path: string): void {
  if (typeof before === "number") {
    if (!COUNTERS.test(path) || GAUGES.test(path)) return;
    assert.ok(Number(after) >= before, `${path}: ${before}, then ${String(after)}`);
    return;
  }
  if (typeof before !== "object" || before === null) return;
  for (const [key, value] of Object.entries(before))
    assertGrown(value, Reflect.get(Object(after ?? {}), key), `${path}.${key}`);
}
