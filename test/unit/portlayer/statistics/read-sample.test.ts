import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import protobuf from "protobufjs";
import { readSample, SAMPLE_SHAPE } from "../../../../src/portlayer/statistics/index.ts";
import type { Shape } from "../../../../src/portlayer/statistics/sample-shape.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import type { SampleMessage } from "../../../../src/protocol/stats-messages.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { fullSample } from "../../../support/full-sample.ts";

const PROTO = fileURLToPath(new URL("../../../../proto/stats.proto", import.meta.url));

describe("a sample on the host", () => {
  it("has every field of stats.proto", () => {
    const schema = protobuf.loadSync(PROTO);
    const described = { ...SAMPLE_SHAPE, monotonicUs: "", wallUs: "", lost: "", delta: "" };
    const fields = messageFields(schema.lookupType("tether.stats.Sample"));
    // The sum of all CPUs has no number.
    delete fields["machineCpu"]?.["total"]?.["cpu"];
    assert.deepEqual(shapeFields(described), fields);
  });

  it("is what the guest has sent, and leaves out what it has not", () => {
    const sample = readSample(fullSample(10), undefined);
    assert.equal(sample.containerCpu?.usageUs, 5_000_000);
    assert.equal(sample.containerMemory?.peakBytes, undefined);
    assert.equal("peakBytes" in (sample.containerMemory ?? {}), false);
    assert.equal(sample.machineCpu?.cpus?.[1]?.cpu, "1");
    assert.equal(sample.fileSystems?.[0]?.type, "ext4");
    assert.equal(sample.machineSystem?.clockOffsetUs, -40);
  });

  it("adds differences, and keeps what they do not name", () => {
    const first = readSample(
      fullSample(10, {
        network: [
          { name: "eth0", receivedBytes: 5 },
          { name: "eth1", receivedBytes: 7 },
        ],
      }),
      undefined,
    );
    const second = readSample(
      {
        delta: true,
        monotonicUs: 11_000_000,
        wallUs: 1,
        lost: 3,
        containerCpu: { usageUs: 250_000 },
        containerMemory: { currentBytes: -4096 },
        machineCpu: { cpus: [{ cpu: 1, idleMs: 990 }] },
        network: [{ name: "eth1", receivedBytes: 100 }],
      },
      first,
    );
    assert.equal(second.containerCpu?.usageUs, 5_250_000);
    assert.equal(second.containerCpu?.userUs, first.containerCpu?.userUs);
    assert.equal(second.containerMemory?.currentBytes, (first.containerMemory?.currentBytes ?? 0) - 4096);
    assert.deepEqual(second.machineCpu?.cpus?.[0], first.machineCpu?.cpus?.[0]);
    assert.equal(second.machineCpu?.cpus?.[1]?.idleMs, 10_990);
    assert.deepEqual(
      second.network?.map(({ receivedBytes }) => receivedBytes),
      [5, 107],
    );
    assert.deepEqual(second.disks, first.disks);
    assert.deepEqual([second.monotonicUs, second.wallUs, second.lost], [11_000_000, 1, 3]);
  });

  const many = Array.from({ length: 257 }, (_, index) => ({ name: `eth${index}` }));
  const broken: ReadonlyArray<readonly [string, SampleMessage]> = [
    ["a number below zero", { containerPids: { current: -1 } }],
    ["a number beyond 2^53", { containerCpu: { usageUs: 2 ** 53 } }],
    ["a time below zero", { monotonicUs: -1 }],
    ["more devices than there can be", { network: many }],
    ["one device twice", { disks: [{ name: "vda" }, { name: "vda" }] }],
    ["a device without a name", { disks: [{}] }],
    ["a name with an escape sequence", { network: [{ name: "\u001B[2J" }] }],
    ["a name that is too long", { network: [{ name: "e".repeat(16) }] }],
    ["a device number that is none", { containerIo: { devices: [{ device: "vda" }] } }],
    ["a mount point that is no path", { fileSystems: [{ mountPoint: "etc" }] }],
    ["a path that is too long", { fileSystems: [{ mountPoint: `/${"x".repeat(4096)}` }] }],
  ];
  for (const [what, changes] of broken)
    it(`with ${what} is refused`, () =>
      assert.throws(
        () => readSample(fullSample(1, changes), undefined),
        catalogueError("link-protocol", /statistics/),
      ));

  const before = readSample(fullSample(10), undefined);
  const brokenDeltas: ReadonlyArray<readonly [string, SampleMessage]> = [
    ["of a time that goes back", { monotonicUs: 9_999_999 }],
    ["of a device that was not there", { network: [{ name: "eth7", sentBytes: 1 }] }],
    ["of a number that was not there", { containerMemory: { peakBytes: 1 } }],
    ["of a group that was not there", { containerPressure: { io: { some: { totalUs: 1 } } } }],
    ["that ends below zero", { containerPids: { current: -4 } }],
  ];
  for (const [what, changes] of brokenDeltas)
    it(`refuses a difference ${what}`, () =>
      assert.throws(
        () => readSample({ delta: true, monotonicUs: 11_000_000, ...changes }, before),
        catalogueError("link-protocol", /statistics/),
      ));

  it("refuses a difference that comes first", () =>
    assert.throws(
      () => readSample({ delta: true }, undefined),
      catalogueError("link-protocol", /comes first/),
    ));

  it("is a sample or an error of the catalogue, whatever a guest sends", () => {
    const number = fc.oneof(fc.integer(), fc.double(), fc.constant(null), fc.string());
    const list = fc.array(fc.record({ name: fc.string(), sentBytes: number }), { maxLength: 4 });
    const message = fc.record(
      {
        monotonicUs: number,
        lost: number,
        delta: fc.boolean(),
        containerCpu: fc.record({ usageUs: number }),
        network: list,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(message, (value) => {
        try {
          // Deliberately not what the types promise.
          readSample(value as SampleMessage, before);
        } catch (error) {
          assert(error instanceof TetherError && error.code === "link-protocol", String(error));
        }
      }),
    );
  });
});

/** `{ field: fields of it, or null for a number }` */
type Fields = { [field: string]: Fields | null };

function shapeFields(shape: Readonly<Record<string, unknown>>): Fields {
  return Object.fromEntries(
    Object.entries(shape).map(([field, kind]) => {
      if (typeof kind === "string") return [field, null];
      const list = kind as { listedBy?: string; texts?: string[]; item?: Shape };
      if (list.item === undefined) return [field, shapeFields(kind as Shape)];
      const names = [list.listedBy ?? "", ...(list.texts ?? [])].map((name) => [name, null]);
      return [field, { ...Object.fromEntries(names), ...shapeFields(list.item) }];
    }),
  );
}

function messageFields(type: protobuf.Type): Fields {
  const entries = type.fieldsArray.map((field) => {
    const { resolvedType } = field.resolve();
    return [field.name, resolvedType instanceof protobuf.Type ? messageFields(resolvedType) : null];
  });
  return Object.fromEntries(entries) as Fields;
}
