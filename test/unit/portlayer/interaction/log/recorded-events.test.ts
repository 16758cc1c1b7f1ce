import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { encodeLogRecord } from "../../../../../src/protocol/log/index.ts";
import {
  beginRun,
  readRecordedEvents,
  rotateIfNeeded,
  type SwitchLogFile,
} from "../../../../../src/portlayer/interaction/log/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const MIB = 1024 * 1024;

describe("the events of a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const index = (): string => `${path()}.events`;
  let sequence = 0;
  beforeEach(() => {
    sequence = 0;
  });

  const time = { seconds: 1, nanoseconds: 0 };
  const record = encodeLogRecord({ time, output: { data: Buffer.alloc(16_000), position: 1 } });
  const print = (bytes: number): void =>
    appendFileSync(path(), Buffer.alloc(Math.ceil(bytes / record.length) * record.length, record));
  const happen = (): void =>
    appendFileSync(path(), encodeLogRecord({ time, event: { sequence: ++sequence, paused: {} } }));
  const read = (): (number | null | undefined)[] => readRecordedEvents(path()).map((event) => event.sequence);
  const toSequence = (): number[] => Array.from({ length: sequence }, (_, i) => i + 1);

  it("are found wherever they are in a large one", () => {
    for (let mebibytes = 0; mebibytes < 16; mebibytes++) {
      happen();
      print(MIB);
    }
    assert.deepEqual(read(), toSequence());
    happen();
    assert.deepEqual(read(), toSequence());
  });

  it("are looked for only in what has come since the last look", () => {
    happen();
    print(2 * MIB);
    assert.deepEqual(read(), [1]);
    const content = readFileSync(path());
    // But for its first record, by which it is known.
    writeFileSync(path(), Buffer.concat([content.subarray(0, 64), Buffer.alloc(content.length - 64)]));
    happen();
    assert.deepEqual(read(), [1, 2]);
  });

  it("are those of the latest run", () => {
    happen();
    print(2 * MIB);
    read();
    beginRun(path(), { maxBytes: 0, maxFiles: 1 });
    sequence = 0;
    assert.deepEqual(read(), []);
    happen();
    print(2 * MIB);
    assert.deepEqual([read(), read()], [[1], [1]]);
  });

  const switchFile: SwitchLogFile = (file, prepare) => {
    const isPrepared = prepare();
    if (isPrepared) appendFileSync(file, "");
    return Promise.resolve(isPrepared);
  };
  for (const maxFiles of [1, 2, 5]) {
    it(`are kept when the log is rotated, with ${maxFiles} files`, async () => {
      for (let round = 0; round < 4; round++) {
        happen();
        print(100_000);
        // Between the look at the log and the new file something may still happen.
        const switchLate: SwitchLogFile = async (file, prepare) => {
          const isPrepared = prepare();
          appendFileSync(`${file}.1`, encodeLogRecord({ time, event: { sequence: ++sequence, paused: {} } }));
          return isPrepared && switchFile(file, () => true);
        };
        const limit = { maxBytes: 100_000, maxFiles };
        await rotateIfNeeded({
          path: path(),
          limit,
          switchFile: switchLate,
          tellGuest: () => Promise.resolve(),
        });
        happen();
        assert.deepEqual(read(), toSequence());
      }
    });
  }

  it("need no index for a small log, and are found in spite of a damaged one", () => {
    happen();
    assert.deepEqual(read(), [1]);
    assert.equal(existsSync(index()), false);
    print(2 * MIB);
    read();
    const good = readFileSync(index());
    fc.assert(
      fc.property(fc.uint8Array(), fc.nat({ max: good.length - 1 }), (garbage, cut) => {
        for (const bytes of [garbage, good.subarray(0, cut)]) {
          writeFileSync(index(), bytes);
          // Whoever cuts it where a record ends has an index like any other.
          assert.ok([0, 1].includes(read().length));
        }
      }),
      { numRuns: 20 },
    );
    writeFileSync(index(), "00 5\n");
    assert.deepEqual(read(), [1]);
  });

  it("are the newest when there are too many to keep", () => {
    const reason = "x".repeat(1000);
    beginRun(path(), { maxBytes: 0, maxFiles: 1 });
    for (let number = 1; number <= 3000; number++)
      appendFileSync(
        path(),
        encodeLogRecord({ time, event: { sequence: number, agentRestarted: { reason } } }),
      );
    const found = read();
    assert.deepEqual([found.at(-1), found.length > 1000, found.length < 1100], [3000, true, true]);
  });
});
