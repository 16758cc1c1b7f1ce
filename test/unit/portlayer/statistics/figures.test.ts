import assert from "node:assert/strict";
import {
  figuresOf,
  perSecond,
  readSample,
  type Sample,
  sum,
} from "../../../../src/portlayer/statistics/index.ts";
import type { SampleMessage } from "../../../../src/protocol/stats-messages.ts";
import { fullSample, MIB } from "../../../support/full-sample.ts";

const sampleAt = (seconds: number, changes: SampleMessage = {}): Sample =>
  readSample(fullSample(seconds, changes), undefined);

describe("Docker's figures", () => {
  it("are those of two samples a second apart", () => {
    const figures = figuresOf(sampleAt(11), sampleAt(10));
    assert.deepEqual(figures, {
      // Half a second of one.
      cpuPercent: 50,
      memoryBytes: 64 * MIB,
      memoryLimitBytes: 256 * MIB,
      memoryPercent: 25,
      receivedBytes: 16_500,
      sentBytes: 7_700,
      readBytes: 4_100_000,
      writtenBytes: 11_000,
      pids: 3,
    });
  });

  it("have no CPU without an earlier sample", () =>
    assert.equal(figuresOf(sampleAt(11), undefined).cpuPercent, undefined));

  it("take the machine's memory where there is no limit, or a higher one", () => {
    for (const limitBytes of [null, 2 ** 50]) {
      const figures = figuresOf(
        sampleAt(1, { containerMemory: { currentBytes: 256 * MIB, limitBytes } }),
        undefined,
      );
      assert.deepEqual([figures.memoryLimitBytes, figures.memoryPercent], [512 * MIB, 50]);
    }
  });

  it("take the machine's time from the clock, whatever ticks its kernel has lost", () => {
    const lost = { machineCpu: { total: { userMs: 1 }, cpus: [{ cpu: 0 }, { cpu: 1 }] } };
    assert.equal(figuresOf(sampleAt(11, lost), sampleAt(10, lost)).cpuPercent, 50);
  });

  it("show no CPU time where it went back, as after a machine's new start", () =>
    assert.equal(figuresOf(sampleAt(11, { containerCpu: { usageUs: 1 } }), sampleAt(10)).cpuPercent, 0));

  it("are unknown where the guest's kernel does not tell", () => {
    const bare = readSample({ monotonicUs: 5 }, undefined);
    const known = Object.entries(figuresOf(bare, bare)).filter(
      ([name, value]) => value !== undefined && !["receivedBytes", "sentBytes"].includes(name),
    );
    assert.deepEqual(known, []);
  });

  it("do not believe a cache that is larger than all there is", () => {
    const containerMemory = { currentBytes: 10, inactiveFileBytes: 20 };
    assert.equal(figuresOf(sampleAt(1, { containerMemory }), undefined).memoryBytes, 10);
  });
});

describe("a rate", () => {
  const sent = ({ network }: Sample): number | undefined => sum(network, ({ sentBytes }) => sentBytes);

  it("is by the guest's clock", () => assert.equal(perSecond(sampleAt(14), sampleAt(10), sent), 700));

  it("is unknown between samples of one moment, backwards, or where one does not tell", () => {
    const [first, second] = [sampleAt(10), sampleAt(11)];
    assert.equal(perSecond(first, first, sent), undefined);
    assert.equal(
      perSecond(second, sampleAt(10, { network: [{ name: "eth0", sentBytes: 1e9 }] }), sent),
      undefined,
    );
    assert.equal(perSecond(second, sampleAt(10, { network: [{ name: "eth0" }] }), sent), undefined);
  });

  it("of nothing is nothing", () =>
    assert.equal(perSecond(sampleAt(11, { network: [] }), sampleAt(10, { network: [] }), sent), 0));
});
