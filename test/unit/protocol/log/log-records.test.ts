import assert from "node:assert/strict";
import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { crc32 } from "../../../../src/protocol/log/crc32.ts";
import { MAGIC, writeVarint } from "../../../../src/protocol/log/frame.ts";
import {
  encodeLogRecord,
  encodeTime,
  LogDecoder,
  MAX_OUTPUT_BYTES,
  MAX_OUTPUT_OVERHEAD,
  MAX_RECORD_BYTES,
  writeOutputRecord,
} from "../../../../src/protocol/log/index.ts";

const time = fc.record({
  seconds: fc.nat({ max: 4_000_000_000 }),
  nanoseconds: fc.nat({ max: 999_999_999 }),
});
const output = fc.record({
  stream: fc.constantFrom(0, 1),
  data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  partial: fc.boolean(),
  continued: fc.boolean(),
});
const record = fc.oneof(
  fc.record({ time, output }),
  fc.record({ time, event: fc.record({ sequence: fc.nat(), exited: fc.record({ code: fc.nat(255) }) }) }),
  fc.record({ time, dropped: fc.record({ bytes: fc.nat() }) }),
  fc.record({ time, runBegun: fc.constant({}) }),
);

/** Without what is at its default, and what the frame adds. */
function plain(message: unknown): unknown {
  if (message instanceof Uint8Array) return Buffer.from(message).toString("hex");
  if (typeof message !== "object" || message === null) return message;
  const fields = Object.entries(message)
    .filter(([name, value]) => !["magic", "crc32"].includes(name) && !isDefault(value))
    .map(([name, value]): [string, unknown] => [name, plain(value)]);
  return Object.fromEntries(fields);
}

const isDefault = (value: unknown): boolean =>
  value === 0 || value === false || value === "" || (value instanceof Uint8Array && value.length === 0);

function decode(bytes: Buffer, cuts: readonly number[] = []): { records: unknown[]; decoder: LogDecoder } {
  const decoder = new LogDecoder();
  const records: unknown[] = [];
  let start = 0;
  for (const cut of [...cuts].sort((a, b) => a - b).filter((each) => each <= bytes.length)) {
    for (const each of decoder.push(bytes.subarray(start, cut))) records.push(plain(each.record));
    start = cut;
  }
  for (const each of decoder.push(bytes.subarray(start))) records.push(plain(each.record));
  for (const each of decoder.end()) records.push(plain(each.record));
  return { records, decoder };
}

describe("crc32", () => {
  it("is zlib's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
        assert.equal(
          crc32(bytes, Math.min(start, bytes.length), bytes.length),
          zlibCrc32(bytes.subarray(start)),
        );
      }),
    );
  });
});

describe("the log's records", () => {
  it("are the same on the other side, however the file is read", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), fc.array(fc.nat(1000)), (records, cuts) => {
        const { records: read, decoder } = decode(Buffer.concat(records.map(encodeLogRecord)), cuts);
        assert.deepEqual(read, records.map(plain));
        assert.deepEqual([decoder.damagedBytes, decoder.pendingBytes], [0, 0]);
      }),
    );
  });

  it("of output are written as protobuf would", () => {
    fc.assert(
      fc.property(
        time,
        output,
        fc.nat(9),
        fc.integer({ min: 1, max: 2 ** 52 }),
        (at, part, offset, position) => {
          const { stream, data, partial, continued } = part;
          const target = Buffer.alloc(offset + data.length + MAX_OUTPUT_OVERHEAD, 0xaa);
          const end = writeOutputRecord(target, offset, {
            time: encodeTime(at),
            stream: stream === 0 ? "stdout" : "stderr",
            isPartial: partial,
            isContinued: continued,
            source: data,
            start: 0,
            end: data.length,
            position,
          });
          const { records } = decode(target.subarray(offset, end));
          assert.deepEqual(records, [
            plain({ time: at, output: { stream, data, partial, continued, position } }),
          ]);
        },
      ),
    );
  });

  it("of output at the limit fit", () => {
    const source = Buffer.alloc(MAX_OUTPUT_BYTES, 0x0a);
    const target = Buffer.alloc(MAX_OUTPUT_BYTES + MAX_OUTPUT_OVERHEAD);
    const end = writeOutputRecord(target, 0, {
      time: encodeTime({ seconds: 253_402_300_799, nanoseconds: 999_999_999 }),
      stream: "stderr",
      isPartial: true,
      isContinued: true,
      source,
      start: 0,
      end: source.length,
      position: 2 ** 52,
    });
    assert.ok(end <= target.length);
    assert.equal(decode(target.subarray(0, end)).records.length, 1);
  });

  it("lose their details when they are too large, not their exit", () => {
    const args = [Buffer.alloc(MAX_RECORD_BYTES)];
    const [created] = decode(
      encodeLogRecord({ event: { sequence: 3, execCreated: { args }, sessionId: "e" } }),
    ).records as [{ event: { sequence: number; execCreated: unknown } }];
    assert.equal(created.event.sequence, 3);
    assert.deepEqual(created.event.execCreated, { args: {} });
    const message = "x".repeat(MAX_RECORD_BYTES);
    assert.equal(decode(encodeLogRecord({ event: { failed: { error: { message } } } })).records.length, 1);
  });
});

describe("a damaged log", () => {
  it("gives every record but the cut one, wherever it is cut", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), record, fc.nat(), (before, after, at) => {
        const frames = before.map(encodeLogRecord);
        const last = frames.at(-1) ?? Buffer.alloc(0);
        const cut = last.subarray(0, at % last.length);
        const bytes = Buffer.concat([...frames.slice(0, -1), cut, encodeLogRecord(after)]);
        assert.deepEqual(decode(bytes, [at % (bytes.length + 1)]).records, [
          ...before.slice(0, -1).map(plain),
          plain(after),
        ]);
      }),
    );
  });

  it("gives every record around garbage, and accounts for every byte", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 40 }), record), { maxLength: 6 }),
        fc.array(fc.nat(2000)),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts.flatMap(([garbage, each]) => [garbage, encodeLogRecord(each)]));
          const { records, decoder } = decode(bytes, cuts);
          assert.deepEqual(
            records,
            parts.map(([, each]) => plain(each)),
          );
          const garbage = parts.reduce((sum, [each]) => sum + each.length, 0);
          assert.equal(decoder.damagedBytes, garbage);
        },
      ),
    );
  });

  it("gives the records behind a changed byte", () => {
    fc.assert(
      fc.property(record, record, fc.nat(), fc.integer({ min: 1, max: 255 }), (first, second, at, change) => {
        const bytes = Buffer.concat([encodeLogRecord(first), encodeLogRecord(second)]);
        const place = at % encodeLogRecord(first).length;
        bytes[place] = (bytes[place] ?? 0) ^ change;
        assert.deepEqual(decode(bytes).records.at(-1), plain(second));
      }),
    );
  });

  it("that is nothing but garbage gives nothing and holds little", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 2000 })), (chunks) => {
        const decoder = new LogDecoder();
        for (const chunk of chunks) assert.deepEqual([...decoder.push(Buffer.from(chunk))], []);
        assert.ok(decoder.pendingBytes <= MAX_RECORD_BYTES);
      }),
    );
  });

  it("of beginnings without an end is read in time", () => {
    const beginning = Buffer.alloc(13);
    const header = writeVarint(beginning, 0, MAX_RECORD_BYTES);
    beginning.set(MAGIC, header);
    beginning[header + MAGIC.length] = 0x35;
    const hostile = Buffer.alloc(4 * 1024 * 1024, beginning);
    const decoder = new LogDecoder();
    const before = performance.now();
    for (let start = 0; start < hostile.length; start += 65_536)
      assert.deepEqual([...decoder.push(hostile.subarray(start, start + 65_536))], []);
    // 320,000 sums over 32 KiB each would take some 10 s.
    assert.ok(performance.now() - before < 2000);
  });

  it("tells where each record stands", () => {
    const one = encodeLogRecord({ dropped: { bytes: 1 } });
    const bytes = Buffer.concat([Buffer.from("garbage"), one, one]);
    const places = [...new LogDecoder(100).push(bytes)].map(({ start, end }) => [start, end]);
    assert.deepEqual(places, [
      [107, 107 + one.length],
      [107 + one.length, 107 + 2 * one.length],
    ]);
  });
});
