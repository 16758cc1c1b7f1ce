import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import protobuf from "protobufjs";
import { readSample } from "../../../../src/portlayer/statistics/index.ts";
import {
  type Recorded,
  readRecording,
  RecordingWriter,
} from "../../../../src/portlayer/statistics/recording/index.ts";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { fullSample } from "../../../support/full-sample.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const PROTO = fileURLToPath(new URL("../../../../proto/recording.proto", import.meta.url));
const STATS_PROTO = fileURLToPath(new URL("../../../../proto/stats.proto", import.meta.url));
const WEB = { id: "a".repeat(64), name: "web", image: "nginx:1" };
const DATABASE = { id: "b".repeat(64), name: "db", image: "redis" };

const readAll = async (path: string): Promise<Recorded[]> => {
  const all: Recorded[] = [];
  for await (const each of readRecording(path)) all.push(each);
  return all;
};

describe("a recording of statistics", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "run.stats");
  const record = (): void => {
    using writer = new RecordingWriter(path(), 1_000);
    writer.add(WEB, readSample(fullSample(10), undefined), 2_000);
    writer.add(DATABASE, readSample(fullSample(7), undefined), 2_001);
    writer.add(WEB, readSample(fullSample(11), undefined), 3_000.5);
  };

  it("gives back whose samples were taken, and when", async () => {
    record();
    const all = await readAll(path());
    assert.deepEqual(
      all.map(({ container, receivedMs, sample }) => [container, receivedMs, sample.monotonicUs]),
      [
        [WEB, 2_000, 10_000_000],
        [DATABASE, 2_001, 7_000_000],
        [WEB, 3_000.5, 11_000_000],
      ],
    );
    assert.deepEqual(all[0]?.sample, readSample(fullSample(10), undefined));
  });

  it("can be read by whoever has recording.proto", () => {
    record();
    // As its comment says, the sample's bytes are those of a field of the sample's type.
    const recording = readFileSync(PROTO, "utf8").replace("bytes sample", "tether.stats.Sample sample");
    const { root } = protobuf.parse(recording, protobuf.parse(readFileSync(STATS_PROTO, "utf8")).root);
    const type = root.lookupType("tether.recording.Entry");
    const reader = protobuf.Reader.create(readFileSync(path()));
    const bodies: string[] = [];
    const monotonic: unknown[] = [];
    while (reader.pos < reader.len) {
      const entry = type.decodeDelimited(reader).toJSON() as {
        recorded?: { sample: { monotonicUs: string } };
      };
      if (entry.recorded !== undefined) monotonic.push(Number(entry.recorded.sample.monotonicUs));
      bodies.push(Object.keys(entry).join(","));
    }
    assert.deepEqual(bodies, ["header", "container", "recorded", "container", "recorded", "recorded"]);
    assert.deepEqual(monotonic, [10_000_000, 7_000_000, 11_000_000]);
  });

  it("has all whole entries wherever it was cut", async () => {
    record();
    const { size } = statSync(path());
    const counts = new Set<number>();
    for (let length = size - 1; length > 40; length -= 7) {
      truncateSync(path(), length);
      counts.add((await readAll(path())).length);
    }
    assert.deepEqual([...counts], [2, 1, 0]);
  });

  it("is not written over another file, nor into a folder that is not there", () => {
    writeFileSync(path(), "mine");
    assert.throws(() => new RecordingWriter(path()), catalogueError("invalid-option", /is there already/));
    assert.equal(readFileSync(path(), "utf8"), "mine");
    assert.throws(
      () => new RecordingWriter(join(folder.path, "no/such")),
      catalogueError("invalid-option", /ENOENT/),
    );
  });

  it("says that the disk is full", () => {
    // A limit on file sizes would end the process; a full device is one of the kernel's own.
    const script = `
      const { RecordingWriter } = await import(${JSON.stringify(
        new URL("../../../../src/portlayer/statistics/recording/index.ts", import.meta.url).href,
      )});
      const fs = (await import("node:fs")).default;
      const { syncBuiltinESMExports } = await import("node:module");
      fs.openSync = ((open) => (path) => open("/dev/full", "w"))(fs.openSync);
      syncBuiltinESMExports();
      try { new RecordingWriter("x"); } catch (error) { console.log(error.code); }`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    assert.deepEqual([stdout, stderr], ["no-space\n", ""]);
  });

  it("that is none, or of a later version, or not there, is refused", async () => {
    for (const content of ["", "#!/bin/sh\nexit 0\n", "\u0002\u0008\u0001"]) {
      writeFileSync(path(), content);
      await assert.rejects(readAll(path()), catalogueError("recording-invalid", /is no recording/), content);
    }
    const type = protobuf.loadSync(PROTO).lookupType("tether.recording.Entry");
    const header = { header: { kind: "tether statistics", version: 2 } };
    writeFileSync(path(), type.encodeDelimited(type.fromObject(header)).finish());
    await assert.rejects(readAll(path()), catalogueError("recording-invalid", /version 2/));
    await assert.rejects(readAll(join(folder.path, "absent")), catalogueError("file-not-found", /ENOENT/));
  });

  it("is read, or ends in an error of the catalogue, whatever is in it", async () => {
    record();
    const whole = readFileSync(path());
    const damage = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        const bytes = Buffer.from(whole);
        for (const { at, byte } of damages) bytes[at] = byte;
        writeFileSync(path(), bytes);
        try {
          await readAll(path());
        } catch (error) {
          assert(error instanceof TetherError && error.code === "recording-invalid", String(error));
        }
      }),
    );
  });
});
