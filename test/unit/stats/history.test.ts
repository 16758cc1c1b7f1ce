import { deepEqual, equal, ok } from "node:assert/strict";
import { closeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { History } from "../../../src/stats/history/history.ts";
import { StatisticsRecording } from "../../../src/stats/history/recording.ts";
import { decodeFrame, KernelFolders, plain, type Sample, sampleOf } from "../../support/kernel-folders.ts";
import { nativeSystem } from "../../support/native-system.ts";

const PLACES = [
  { mountPoint: "/", path: "/", isRemote: false },
  { mountPoint: "/server", path: "/", isRemote: true },
];

/** Everything that was recorded of such folders, with the memory that holds it. */
class RecordedFolders implements Disposable {
  readonly folders = new KernelFolders();
  readonly #system = nativeSystem();
  readonly #ring = this.#system.makeRing(768 * 1024);
  readonly #recordings: StatisticsRecording[] = [];

  /** One reading; each recording has one when it begins. */
  read(places = PLACES): StatisticsRecording {
    for (const recording of this.#recordings) recording.close();
    const recording = new StatisticsRecording(this.#system, this.#ring);
    recording.follow(this.folders.folders, this.folders.statistics().paths, places);
    this.#recordings.push(recording);
    return recording;
  }

  [Symbol.dispose](): void {
    for (const recording of this.#recordings) recording.close();
    closeSync(this.#ring);
    this.folders[Symbol.dispose]();
  }
}

async function samplesOf(recording: StatisticsRecording, afterUs = 0): Promise<Sample[]> {
  const samples: Sample[] = [];
  for await (const frame of new History(recording).since(afterUs)) samples.push(decodeFrame(frame));
  return samples;
}

describe("the history", () => {
  it("tells what a sample of that moment would have told, but for what only the agent knew", async () => {
    using recorded = new RecordedFolders();
    const recording = recorded.read();
    const [sample] = await samplesOf(recording);
    const wanted = sampleOf(recorded.folders.statistics({ restarts: undefined }));
    const comparable = (of: Sample | undefined): unknown =>
      plain({ ...of, monotonicUs: 0, wallUs: 0, fileSystems: [] });
    deepEqual(comparable(sample), comparable(wanted));
    deepEqual(
      sample?.fileSystems?.map(({ mountPoint }) => mountPoint),
      ["/"],
    );
    ok((sample?.fileSystems?.[0]?.sizeBytes ?? 0) > 0);
    ok(Math.abs((sample?.wallUs ?? 0) / 1000 - Date.now()) < 10_000);
  });

  it("has one sample for each reading, a full one first and then differences", async () => {
    using recorded = new RecordedFolders();
    for (let second = 1; second <= 50; second++) {
      recorded.folders.write("container/pids.current", `${second}\n`);
      recorded.read();
    }
    const samples = await samplesOf(recorded.read());
    // On a slow machine a recording may have had its second reading before the next one began.
    ok(samples.length >= 51);
    equal(samples.filter(({ delta }) => !delta).length, Math.ceil(samples.length / 20));
    const told: number[] = [];
    for (const { delta, containerPids } of samples)
      told.push((delta ? (told.at(-1) ?? 0) : 0) + (containerPids?.current ?? 0));
    deepEqual(
      [...new Set(told)],
      Array.from({ length: 50 }, (_none, index) => index + 1),
    );
    deepEqual(
      told,
      told.toSorted((one, other) => one - other),
    );
  });

  it("tells what came after a time, in full first", async () => {
    using recorded = new RecordedFolders();
    for (let second = 1; second <= 5; second++) recorded.read();
    const recording = recorded.read();
    const all = await samplesOf(recording);
    const samples = await samplesOf(recording, all[2]?.monotonicUs ?? 0);
    equal(samples.length, 3);
    equal(samples[0]?.delta, false);
    equal(samples[0]?.monotonicUs, all[3]?.monotonicUs);
    deepEqual(await samplesOf(recording, all.at(-1)?.monotonicUs ?? 0), []);
  });

  it("goes over a change of the volumes, and over files that go and come", async () => {
    using recorded = new RecordedFolders();
    recorded.read();
    recorded.folders.remove("container/memory.peak");
    recorded.read([...PLACES, { mountPoint: "/data", path: "/tmp", isRemote: false }]);
    recorded.folders.write("container/memory.peak", "90000000\n");
    const samples = await samplesOf(recorded.read());
    deepEqual(
      samples.map(({ fileSystems }) => fileSystems?.map(({ mountPoint }) => mountPoint)),
      [["/"], ["/", "/data"], ["/"]],
    );
    deepEqual(
      samples.map(({ containerMemory }) => plain(containerMemory?.peakBytes ?? "unset")),
      [80_000_000, "unset", 90_000_000],
    );
  });

  it("is recorded each second without anybody asking", async () => {
    using recorded = new RecordedFolders();
    const recording = recorded.read();
    while ((await samplesOf(recording)).length < 2) await sleep(20);
    const [one, other] = await samplesOf(recording);
    ok((other?.monotonicUs ?? 0) - (one?.monotonicUs ?? 0) < 5_000_000);
  });

  it("is nothing before it was recorded", async () => {
    const recording = new StatisticsRecording(nativeSystem(), undefined);
    deepEqual(await samplesOf(recording), []);
    closeSync(recording.ring);
  });
});
