import assert from "node:assert/strict";
import { once } from "node:events";
import { Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { batchWrites } from "../../../src/protocol/batch-writes.ts";

describe("writes that are put together", () => {
  let written: string[][];
  const stream = (): Writable =>
    batchWrites(
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          written.push([chunk.toString()]);
          done();
        },
        writev: (chunks, done) => {
          written.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()));
          done();
        },
      }),
    );
  beforeEach(() => (written = []));

  it("go out at the end of the callback they were made in, in order", async () => {
    const target = stream();
    target.write("a");
    target.write("b");
    assert.deepEqual(written, []);
    await turn();
    target.write("c");
    await turn();
    assert.deepEqual(written, [["a", "b"], ["c"]]);
  });

  it("are all there at the end, and each call is told", async () => {
    const target = stream();
    let told = 0;
    target.write("a", () => (told += 1));
    target.write("b", "utf8", () => (told += 1));
    target.end("c");
    await once(target, "finish");
    assert.deepEqual([written.flat(), told], [["a", "b", "c"], 2]);
  });

  it("tell of a full buffer", () => {
    const target = batchWrites(new Writable({ highWaterMark: 2, write: () => {} }));
    assert.deepEqual([target.write("a"), target.write("bc")], [true, false]);
  });
});
