import assert from "node:assert/strict";
import fc from "fast-check";
import { ReplayBuffer } from "../../../../src/protocol/streams/replay-buffer.ts";

/** Reads everything from an offset on, in pieces. */
function readAll(buffer: ReplayBuffer, offset: number, maxBytes: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = offset; ; ) {
    const piece = buffer.read(at, maxBytes);
    if (piece === undefined) return Buffer.concat(pieces);
    assert.ok(piece.length > 0 && piece.length <= maxBytes);
    pieces.push(piece);
    at += piece.length;
  }
}

describe("a replay buffer", () => {
  it("gives the same bytes at every offset that it keeps, whatever was appended and forgotten", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.uint8Array({ maxLength: 6000 }).map((chunk) => ({ chunk })) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 1.2, noNaN: true }).map((forget) => ({ forget })) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.integer({ min: 1, max: 5000 }), (steps, maxBytes) => {
        const buffer = new ReplayBuffer();
        let all = Buffer.alloc(0);
        for (const each of steps) {
          if ("chunk" in each) {
            buffer.append(Buffer.from(each.chunk));
            all = Buffer.concat([all, each.chunk]);
          } else {
            const offset = Math.floor(each.forget * all.length);
            const before = buffer.start;
            buffer.forget(offset);
            assert.ok(buffer.start <= Math.max(offset, before));
          }
        }
        assert.equal(buffer.end, all.length);
        for (const offset of [buffer.start, Math.floor((buffer.start + buffer.end) / 2)]) {
          assert.ok(readAll(buffer, offset, maxBytes).equals(all.subarray(offset)));
        }
        assert.equal(buffer.read(buffer.start - 1, 10), undefined);
        assert.equal(buffer.read(buffer.end, 10), undefined);
      }),
      { numRuns: 50 },
    );
  });

  it("puts single bytes together, so that they do not cost an object each", () => {
    const buffer = new ReplayBuffer();
    for (let at = 0; at < 4096; at++) buffer.append(Buffer.of(at & 0xff));
    assert.equal(buffer.read(0, 8192)?.length, 4096);
  });

  it("does not change what was read when more is appended", () => {
    const buffer = new ReplayBuffer();
    buffer.append(Buffer.from("first"));
    const piece = buffer.read(0, 10);
    buffer.append(Buffer.from("second"));
    assert.equal(piece?.toString(), "first");
    assert.equal(readAll(buffer, 0, 100).toString(), "firstsecond");
  });

  it("forgets all that lies before an offset, except what shares a chunk with it", () => {
    const buffer = new ReplayBuffer();
    for (let chunk = 0; chunk < 10; chunk++) buffer.append(Buffer.alloc(5000, chunk));
    buffer.forget(12_345);
    assert.equal(buffer.start, 10_000);
    buffer.forget(50_000);
    assert.equal(buffer.start, 50_000);
    assert.equal(buffer.read(50_000, 1), undefined);
  });
});
