import { deepEqual, equal, ok } from "node:assert/strict";
import { fileSystemAsker } from "../../../src/stats/index.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";
import { tether } from "../../../src/protocol/generated/stats.js";
import { BackwardWriter } from "../../../src/stats/encoding/backward-writer.ts";
import { type Reading, SampleEncoder } from "../../../src/stats/encoding/sample-encoder.ts";
import { messageShape, numberField, sampleShape, textField } from "../../../src/stats/encoding/shape.ts";
import { ALL_GROUPS, FIELDS, GROUP, SAMPLE_FIELD } from "../../../src/stats/values/schema.ts";
import { addSamples } from "../../support/add-samples.ts";
import { decodeFrame, KernelFolders, plain, type Sample } from "../../support/kernel-folders.ts";

const integers = fc.oneof(
  fc.integer({ min: -200, max: 200 }),
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(0, 2 ** 31, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER),
);

describe("the encoding of samples", () => {
  const root = new protobuf.Root();
  protobuf.parse(readFileSync(join(import.meta.dirname, "../../../proto/stats.proto"), "utf8"), root, {
    keepCase: true,
  });

  for (const [name, fields] of Object.entries(FIELDS)) {
    it(`knows the numbers of ${name} as proto/stats.proto has them`, () => {
      const type = root.lookupType(`tether.stats.${name}`);
      const numbers = type.fieldsArray
        .filter((field) => field.type === "sint64")
        .map((field) => [field.name, field.id] as const);
      deepEqual(
        fields.map((field) => [field.name, field.number] as const),
        numbers,
      );
    });
  }

  it("knows the groups and where in a sample they are", () => {
    const { GROUP_UNSPECIFIED: _none, ...groups } = tether.stats.Group as unknown as Record<string, number>;
    for (const [name, group] of Object.entries(GROUP)) equal(Reflect.get(groups, name), group);
    const sample = root.lookupType("tether.stats.Sample");
    for (const [name, group] of Object.entries(GROUP))
      equal(SAMPLE_FIELD[group], sample.fields[name.toLowerCase()]?.id, name);
  });

  it("writes numbers as protobufjs reads them", () => {
    const writer = new BackwardWriter();
    fc.assert(
      fc.property(integers, (value) => {
        writer.begin(64);
        writer.zigzag(value);
        const bytes = writer.finish();
        deepEqual(bytes, Buffer.from(protobuf.Writer.create().sint64(value).finish()));
      }),
    );
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        writer.begin(64);
        writer.varint(value);
        deepEqual(writer.finish(), Buffer.from(protobuf.Writer.create().uint64(value).finish()));
      }),
    );
  });

  it("writes nothing that a Reader does not find again, of every number of every message", () => {
    const rows = fc.array(fc.option(integers, { nil: Number.NaN }), { minLength: 40, maxLength: 40 });
    const encoder = new SampleEncoder();
    fc.assert(
      fc.property(rows, integers, (numbers, anyTime) => {
        // protobufjs makes no difference between a time that is 0 and none.
        const time = anyTime || 1;
        const reading = readingOf(numbers, time);
        const decoded = tether.stats.Sample.decode(encoder.sample(reading, ALL_GROUPS));
        deepEqual(plain(decoded), expectedOf(numbers, time));
      }),
    );
  });

  it("tells only the groups that are asked for", () => {
    using folders = new KernelFolders();
    const encoder = new SampleEncoder();
    const reading = folders.statistics().read();
    const sample = tether.stats.Sample.decode(encoder.sample(reading, 1 << GROUP.CONTAINER_PIDS));
    const { monotonicUs: _monotonic, wallUs: _wall, ...rest } = plain(sample) as Record<string, unknown>;
    deepEqual(rest, {
      containerPids: { current: 5, peak: 9, limit: 1800 },
      ...{ network: [], disks: [], fileSystems: [] },
    });
  });

  it("tells differences from which the full sample can be made again, whatever changes", () => {
    const numbers = fc.array(
      fc.array(fc.integer({ min: 0, max: 2 ** 50 }), { minLength: 40, maxLength: 40 }),
      {
        minLength: 2,
        maxLength: 10,
      },
    );
    const encoder = new SampleEncoder();
    fc.assert(
      fc.property(numbers, (rows) => {
        let known: Sample = {};
        let base: Reading | undefined;
        for (const [index, row] of rows.entries()) {
          const reading = readingOf(row, index + 1);
          const { frame, isDelta } = encoder.message({ reading, groups: ALL_GROUPS, base, lost: index });
          equal(isDelta, index > 0);
          const sample = decodeFrame(frame);
          known = isDelta ? addSamples(known, sample) : sample;
          base = reading;
          deepEqual(plain(known), { ...expectedOf(row, index + 1), ...(index > 0 ? { lost: index } : {}) });
        }
      }),
    );
  });

  it("tells a number that came or went by a full sample", () => {
    const encoder = new SampleEncoder();
    const [one, other] = [Array.from({ length: 40 }, () => 7), Array.from({ length: 40 }, () => 8)];
    other[3] = Number.NaN;
    const readings = [readingOf(one, 1), readingOf(other, 2)] as const;
    for (const [base, reading] of [readings, [...readings].reverse()] as [Reading, Reading][]) {
      const { frame, isDelta } = encoder.message({ reading, groups: ALL_GROUPS, base, lost: 0 });
      equal(isDelta, false);
      equal(decodeFrame(frame).delta, false);
    }
  });

  it("takes at most 1 KiB for a VM with two CPUs, a vNIC and two disks", () => {
    using folders = new KernelFolders();
    const encoder = new SampleEncoder();
    const statistics = folders.statistics({
      fileSystems: fileSystemAsker(() => [{ mountPoint: "/", path: "/", isRemote: false }]),
    });
    statistics.read();
    const full = encoder.message({
      reading: statistics.read(),
      groups: ALL_GROUPS,
      base: undefined,
      lost: 0,
    });
    ok(full.frame.length <= 1024, `${full.frame.length} bytes`);
  });
});

const NETWORK = FIELDS.NetworkInterface;
const SHAPE = sampleShape([
  { group: GROUP.AGENT, message: messageShape({ field: 16, row: 0, numbers: FIELDS.Agent }) },
  {
    group: GROUP.CONTAINER_MEMORY,
    message: messageShape({ field: 6, row: 6, numbers: FIELDS.ContainerMemory }),
  },
  {
    group: GROUP.NETWORK,
    message: messageShape({ field: 13, row: 23, numbers: NETWORK, identity: textField(1, "eth0") }),
  },
  {
    group: GROUP.MACHINE_CPU,
    message: messageShape({
      field: 10,
      children: [
        messageShape({
          field: 2,
          row: 31,
          numbers: FIELDS.CpuTimes.slice(0, 9),
          identity: numberField(1, 300),
        }),
      ],
    }),
  },
]);

function readingOf(numbers: readonly number[], time: number): Reading {
  return { monotonicUs: time, wallUs: time, shape: SHAPE, values: Float64Array.from(numbers) };
}

/** The same by protobufjs's names. */
function expectedOf(numbers: readonly number[], time: number): object {
  const part = (fields: readonly { readonly name: string }[], row: number): Record<string, number> =>
    Object.fromEntries(
      fields.flatMap(({ name }, index) => {
        const value = numbers[row + index] ?? Number.NaN;
        return Number.isNaN(value) ? [] : [[camelCase(name), value]];
      }),
    );
  const some = (name: string, value: object): object =>
    Object.keys(value).length === 0 ? {} : { [name]: value };
  return Object({
    ...{ monotonicUs: time, wallUs: time },
    ...some("containerMemory", part(FIELDS.ContainerMemory, 6)),
    machineCpu: { cpus: [{ cpu: 300, ...part(FIELDS.CpuTimes.slice(0, 9), 31) }] },
    network: [{ name: "eth0", ...part(NETWORK, 23) }],
    ...some("agent", part(FIELDS.Agent, 0)),
    ...{ disks: [], fileSystems: [] },
  });
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}
