import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { closeSync, openSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { decodeRows, type Row } from "../../../src/stats/history/rows.ts";
import type { Recorder, Recording } from "../../../src/system/recorder.ts";
import { nativeSystem } from "../../support/native-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const RING_BYTES = 64 * 1024;

describe("a recorder", () => {
  const folder = useTemporaryFolder();
  const system = nativeSystem();
  const opened: Recorder[] = [];
  let ring: number;
  beforeEach(() => {
    ring = system.makeRing(RING_BYTES);
  });
  afterEach(() => {
    for (const recorder of opened.splice(0)) recorder.close();
    closeSync(ring);
  });

  const open = (recording: Partial<Recording>): Recorder => {
    const recorder = system.openRecorder({
      ...{ ring, files: [], fileSystems: [], description: Buffer.from("these") },
      ...{ periodMs: 3_600_000, keepMs: 600_000, ...recording },
    });
    opened.push(recorder);
    return recorder;
  };
  const file = (name: string, content: string | Buffer): string => {
    const path = join(folder.path, name);
    writeFileSync(path, content);
    return path;
  };
  const rows = (recorder: Recorder): Row[] => [...decodeRows(recorder.read())];
  const until = async (recorder: Recorder, isThere: (rows: Row[]) => boolean): Promise<Row[]> => {
    for (;;) {
      const found = rows(recorder);
      if (isThere(found)) return found;
      await sleep(1);
    }
  };

  it("has read everything once when it is open", () => {
    const before = Date.now();
    const recorder = open({
      files: [file("one", "some 12\n"), join(folder.path, "missing")],
      fileSystems: ["/"],
    });
    const [row, ...rest] = rows(recorder);
    equal(rest.length, 0);
    equal(String(row?.description), "these");
    deepEqual(row?.texts.slice(0, 2), ["some 12\n", 2]);
    const { type, bsize, blocks } = statfsSync("/");
    deepEqual(String(row?.texts[2]).split(" ", 3).map(Number), [type, bsize, blocks]);
    ok((row?.wallUs ?? 0) / 1000 >= before - 1 && (row?.wallUs ?? 0) / 1000 <= Date.now() + 1);
  });

  it("goes on by itself, and gives back each text as it was", async () => {
    const path = file("counters", "");
    const recorder = open({ files: [path, "/proc/stat", "/proc/meminfo"], periodMs: 1 });
    const texts = [
      "usage 1\n",
      "usage 9\n",
      "usage 10 and 999999999999999999\n",
      "usage 11 and 1\n",
      "0.07 07 7\n",
      "0.08 07 6\n",
      "12345678901234567890 1\n",
      "12345678901234567891 2\n",
      "",
      "\u00ff\u0000 3\n",
    ];
    for (const text of texts) {
      writeFileSync(path, Buffer.from(text, "latin1"));
      const found = await until(recorder, (all) => all.at(-1)?.texts[0] === text);
      const [, stat, memory] = found.at(-1)?.texts ?? [];
      ok(String(stat).startsWith("cpu ") && String(stat).includes("\nprocs_blocked "));
      equal(
        String(memory).match(/kB\n/g)?.length,
        String(memory).match(/^\w+(\(\w+\))?: +\d+ kB$/gm)?.length,
      );
    }
  });

  it("lets others have what it has just read, and nothing that is older than what they have", async () => {
    const path = file("shared", "then 1\n");
    const descriptor = openSync(path, "r");
    const batch = {
      ...{ descriptors: Int32Array.of(descriptor), places: new Int32Array(6), content: new Uint8Array(64) },
      ...{ clocks: new Float64Array(2), numbers: new Int32Array(), values: new Float64Array() },
      changed: new Int32Array(1),
    };
    const textOf = (recorder: Recorder): string => {
      recorder.readFiles(batch);
      return Buffer.from(batch.content.subarray(0, batch.places[2])).toString();
    };
    // On a slow machine 20 ms may have passed already.
    for (let attempt = 0; ; attempt++) {
      ok(attempt < 200, "it never shared");
      writeFileSync(path, "then 1\n");
      batch.places.set([0, 64, -1, 0, 0, 0]);
      const recorder = open({ files: [path] });
      writeFileSync(path, "now 2\n");
      const [row] = rows(recorder).slice(-1);
      const text = textOf(recorder);
      if (batch.clocks[0] !== row?.monotonicUs) {
        equal(text, "now 2\n");
        continue;
      }
      equal(text, "then 1\n");
      equal(batch.clocks[1], row?.wallUs);
      break;
    }
    const [first = 0] = batch.clocks;
    const recorder = opened.at(-1);
    ok(recorder);
    equal(textOf(recorder), "now 2\n");
    ok((batch.clocks[0] ?? 0) > first);
    recorder.close();
    writeFileSync(path, "later 3\n");
    equal(textOf(recorder), "later 3\n");
    closeSync(descriptor);
  });

  it("shares nothing with who reads other files", () => {
    const path = file("other", "1\n");
    const recorder = open({ files: [path, path] });
    const descriptor = openSync(path, "r");
    const batch = {
      ...{ descriptors: Int32Array.of(descriptor), places: Int32Array.of(0, 64, -1, 0, 0, 0) },
      ...{ content: new Uint8Array(64), clocks: new Float64Array(2), numbers: new Int32Array() },
      ...{ values: new Float64Array(), changed: new Int32Array(1) },
    };
    writeFileSync(path, "2\n");
    recorder.readFiles(batch);
    equal(Buffer.from(batch.content.subarray(0, 2)).toString(), "2\n");
    closeSync(descriptor);
  });

  it("gives back any texts, one after the other", async function () {
    // Many runs, each with files: on a loaded machine more than the usual limit.
    this.timeout(60_000);
    const path = file("any", "");
    const number = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String));
    const word = fc.oneof(
      { arbitrary: number, weight: 4 },
      fc.constantFrom("some", "=", "007"),
      fc.string({ unit: "binary" }),
    );
    const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(" "));
    const recorder = open({ files: [path], periodMs: 1 });
    await fc.assert(
      fc.asyncProperty(text, async (each) => {
        const bytes = Buffer.from(each, "latin1");
        writeFileSync(path, bytes);
        await until(recorder, (all) => all.at(-1)?.texts[0] === bytes.toString("latin1"));
      }),
      { numRuns: 300 },
    );
  });

  it("says what went, and finds what comes", async () => {
    const path = file("there", "1\n");
    const recorder = open({ files: [path, "/proc/self/mem"], periodMs: 1 });
    // It is open, and cannot be read from its beginning (EIO).
    equal(rows(recorder)[0]?.texts[1], 5);
    const late = join(folder.path, "late");
    const other = open({ ring: system.makeRing(RING_BYTES), files: [late], periodMs: 1 });
    equal(rows(other)[0]?.texts[0], 2);
    writeFileSync(late, "2\n");
    await until(other, (all) => all.at(-1)?.texts[0] === "2\n");
    rmSync(late);
  });

  it("keeps what it has room for, from a full row on", async () => {
    const path = file("noise", "");
    const recorder = open({ files: [path], periodMs: 1 });
    for (let size = 0; size < 40; size += 1) {
      const text = `${"x".repeat(3000)}${size}-`;
      writeFileSync(path, text);
      await until(recorder, (all) => all.at(-1)?.texts[0] === text);
    }
    const kept = recorder.read();
    ok(kept.length <= RING_BYTES && kept.length > RING_BYTES / 4, `${kept.length} bytes`);
    const monotonic = rows(recorder).map(({ monotonicUs }) => monotonicUs);
    deepEqual(
      monotonic,
      monotonic.toSorted((one, other) => one - other),
    );
  });

  it("leaves out what is larger than the ring", () => {
    const own = system.makeRing(4096);
    const recorder = open({ ring: own, files: [file("large", "x".repeat(5000))] });
    equal(recorder.read().length, 0);
    closeSync(own);
  });

  it("forgets what is too old", async () => {
    const recorder = open({ files: [file("steady", "1\n")], periodMs: 1, keepMs: 100 });
    const oldest = rows(recorder)[0]?.monotonicUs ?? 0;
    const found = await until(recorder, (all) => (all[0]?.monotonicUs ?? 0) > oldest);
    const [first, last] = [found[0]?.monotonicUs ?? 0, found.at(-1)?.monotonicUs ?? 0];
    ok(last - first >= 100_000, `${last - first} µs`);
  });

  it("goes on where another one has ended, with other sources", () => {
    const [one, other] = [file("one", "1\n"), file("other", "2\n")];
    open({ files: [one], description: Buffer.from("one") }).close();
    const found = rows(open({ files: [other, one], description: Buffer.from("both") }));
    deepEqual(
      found.map(({ description, texts }) => [String(description), ...texts]),
      [
        ["one", "1\n"],
        ["both", "2\n", "1\n"],
      ],
    );
  });

  it("is nothing any more once it is closed, again and again", () => {
    const recorder = open({});
    recorder.close();
    recorder.close();
    throws(() => recorder.read(), { code: "EBADF" });
  });

  it("refuses what is no ring, and numbers that cannot be", () => {
    throws(() => open({ ring: system.memoryFile("none", Buffer.from("x")) }), { code: "EINVAL" });
    throws(() => open({ periodMs: 0 }), /periodMs/);
    throws(() => open({ keepMs: -1 }), /keepMs/);
    throws(() => open({ description: "text" as unknown as Uint8Array }), /description/);
  });
});
