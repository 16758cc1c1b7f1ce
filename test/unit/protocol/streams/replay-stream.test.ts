import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { ReplayStream } from "../../../../src/protocol/streams/index.ts";
import { CollectingSink } from "../../../support/collecting-sink.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const WAITING = { whileUnread: "wait" } as const;
const LETTING_GO = { whileUnread: "let go" } as const;

/** Gives `chunkBytes` at a time as long as it is asked, and counts what it gave. */
class EndlessSource extends Readable {
  given = 0;
  readonly #chunk: Buffer;

  constructor(chunkBytes: number) {
    super({ highWaterMark: chunkBytes });
    this.#chunk = Buffer.alloc(chunkBytes, 0x61);
  }

  override _read(): void {
    this.given += this.#chunk.length;
    // In a later turn, as a pipe does: else a source that is never held back would never let anybody else run.
    setImmediate(() => this.push(this.#chunk));
  }
}

/** Lets everything happen that can happen without anybody's help. */
async function settle(turns = 200): Promise<void> {
  for (let count = 0; count < turns; count++) await turn();
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let start = 0; start < content.length; start += 50_000) yield content.subarray(start, start + 50_000);
}

describe("a replayed stream", () => {
  it("keeps what a reader without its link has not had, also when the source ends meanwhile", async () => {
    const source = new PassThrough();
    const stream = new ReplayStream(source, LETTING_GO);
    const content = randomBytes(3 * MEBIBYTE);
    const sent = 2 * MEBIBYTE + 200 * KIBIBYTE;
    const first = new CollectingSink();
    const detach = stream.attach(0, first, "hold", 60_000);
    for (const piece of pieces(content.subarray(0, sent))) source.write(piece);
    await first.until(({ length }) => length === sent);
    detach("lost");
    source.end(content.subarray(sent));
    await stream.ended;
    // Of all that was on its way the least had arrived.
    const had = sent - 2 * MEBIBYTE;
    const second = new CollectingSink();
    stream.attach(had, second, "hold", 60_000);
    await second.ended;
    assert.ok(second.bytes.equals(content.subarray(had)));
  });

  it("reaches a reader that is cut off at random places without loss or repetition", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 30 }),
        fc.array(
          fc.record({
            chunks: fc.integer({ min: 0, max: 4 }),
            lost: fc.double({ min: 0, max: 1, noNaN: true }),
          }),
          {
            maxLength: 10,
          },
        ),
        async (sizes, cuts) => {
          const chunks = sizes.map((size) => randomBytes(size));
          const stream = new ReplayStream(Readable.from(chunks, { objectMode: false }), WAITING);
          let received = Buffer.alloc(0);
          for (const { chunks: allowed, lost } of cuts) {
            const sink = new CollectingSink(allowed);
            const detach = stream.attach(received.length, sink);
            await settle(20);
            detach();
            // Of what was handed to the link, a part has not come through.
            received = Buffer.concat([received, sink.bytes.subarray(0, Math.floor(sink.length * lost))]);
          }
          const last = new CollectingSink();
          stream.attach(received.length, last);
          await last.ended;
          received = Buffer.concat([received, last.bytes]);
          assert.ok(received.equals(Buffer.concat(chunks)));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("reaches every reader whole, however different their speeds", async () => {
    const content = randomBytes(700 * KIBIBYTE);
    const stream = new ReplayStream(
      Readable.from([content.subarray(0, 5), content.subarray(5)], { objectMode: false }),
      WAITING,
    );
    const [fast, slow] = [new CollectingSink(), new CollectingSink(0)];
    stream.attach(0, fast);
    stream.attach(0, slow);
    while (!slow.isEnded) {
      await turn();
      slow.allow(1);
    }
    await fast.ended;
    assert.ok(fast.bytes.equals(content));
    assert.ok(slow.bytes.equals(content));
  });

  it("keeps what came before the first reader", async () => {
    const source = new PassThrough();
    const stream = new ReplayStream(source, WAITING);
    source.write("early ");
    await settle(5);
    const sink = new CollectingSink();
    stream.attach(0, sink);
    source.end("late");
    await sink.ended;
    assert.equal(sink.text, "early late");
    assert.equal(stream.length, 10);
  });

  it("is not read on while a reader lags by more than 512 KiB", async () => {
    const source = new EndlessSource(16 * KIBIBYTE);
    const stream = new ReplayStream(source, WAITING);
    const stalled = new CollectingSink(2);
    stream.attach(0, stalled);
    stream.attach(0, new CollectingSink());
    await settle();
    const given = source.given;
    assert.ok(given <= stalled.length + 512 * KIBIBYTE + 64 * KIBIBYTE, `${given} bytes were read`);
    await settle();
    assert.equal(source.given, given, "reading has stopped");
    stalled.allow(2);
    await settle();
    assert.ok(source.given > given, "reading goes on");
    stream.end();
  });

  it("is read on for the others when the reader that lagged goes away", async () => {
    const source = new EndlessSource(16 * KIBIBYTE);
    const stream = new ReplayStream(source, WAITING);
    const fast = new CollectingSink();
    stream.attach(0, fast);
    const detach = stream.attach(0, new CollectingSink(0));
    await settle();
    const before = fast.length;
    detach();
    await fast.until(({ length }) => length > before + MEBIBYTE);
    stream.end();
  });

  it("without a reader is read up to a mebibyte and not further", async () => {
    const source = new EndlessSource(64 * KIBIBYTE);
    const stream = new ReplayStream(source, WAITING);
    await settle();
    assert.ok(
      stream.length >= MEBIBYTE && stream.length <= MEBIBYTE + 128 * KIBIBYTE,
      `${stream.length} bytes`,
    );
    stream.end();
  });

  it("keeps no more than its window behind a reader, so that its memory is bounded", async () => {
    const source = new EndlessSource(64 * KIBIBYTE);
    const stream = new ReplayStream(source, WAITING);
    const sink = new CollectingSink();
    const detach = stream.attach(0, sink);
    await sink.until(({ length }) => length > 8 * MEBIBYTE);
    detach();
    const late = new CollectingSink(0);
    stream.attach(0, late);
    await settle(5);
    const oldest = stream.length - 8 * MEBIBYTE;
    assert.ok(oldest > 0, "the source went on");
    const replayed = new CollectingSink();
    stream.end();
    stream.attach(0, replayed);
    await replayed.ended;
    assert.ok(replayed.length >= 2 * MEBIBYTE, `${replayed.length} bytes are kept`);
    assert.ok(replayed.length <= 4 * MEBIBYTE, `${replayed.length} bytes are kept`);
  });

  it("goes on at the place that a reader names, even one beyond its end", async () => {
    const stream = new ReplayStream(
      Readable.from([Buffer.from("0123456789")], { objectMode: false }),
      WAITING,
    );
    await stream.ended;
    for (const [offset, text] of [
      [4, "456789"],
      [10, ""],
      [99, ""],
      [-3, "0123456789"],
    ] as const) {
      const sink = new CollectingSink();
      stream.attach(offset, sink);
      await sink.ended;
      assert.equal(sink.text, text, `at ${offset}`);
    }
  });

  it("can be ended while its source stays open; readers get the rest and then the end", async () => {
    const source = new PassThrough();
    const stream = new ReplayStream(source, WAITING);
    const sink = new CollectingSink(0);
    stream.attach(0, sink);
    source.write("first");
    await sink.until(({ length }) => length > 0);
    source.write("second");
    await settle(5);
    stream.end();
    await stream.ended;
    assert.equal(sink.isEnded, false);
    sink.allow();
    await sink.ended;
    assert.equal(sink.text, "firstsecond");
    assert.ok(source.destroyed);
  });

  it("ends with its source, and with its source's error", async () => {
    for (const error of [undefined, new Error("EIO")]) {
      const source = new PassThrough();
      const stream = new ReplayStream(source, WAITING);
      const sink = new CollectingSink();
      stream.attach(0, sink);
      source.destroy(error);
      await stream.ended;
      await sink.ended;
    }
  });

  it("leaves a reader alone once it is detached, though its last chunk is taken later", async () => {
    const source = new PassThrough();
    const stream = new ReplayStream(source, WAITING);
    const sink = new CollectingSink(0);
    const detach = stream.attach(0, sink);
    source.write("one");
    await sink.until(({ length }) => length === 3);
    detach();
    detach();
    source.write("two");
    sink.allow();
    source.end();
    await stream.ended;
    await settle(5);
    assert.equal(sink.text, "one");
    assert.equal(sink.isEnded, false);
  });

  it("does not wait for ever for one of several clients: it is cut off, and told what it has missed", async () => {
    const content = randomBytes(12 * MEBIBYTE);
    const stream = new ReplayStream(Readable.from(pieces(content), { objectMode: false }), LETTING_GO);
    const [fast, stopped] = [new CollectingSink(), new CollectingSink(0)];
    stream.attach(0, fast, "follow");
    stream.attach(0, stopped, "follow");
    await fast.ended;
    assert.ok(fast.bytes.equals(content));
    const had = stopped.length;
    stopped.allow();
    await stopped.cutOff;
    assert.equal(stopped.missedBytes, content.length - had);
  });

  it("waits for a client that is slow, as long as it reads", async () => {
    const content = randomBytes(6 * MEBIBYTE);
    const stream = new ReplayStream(Readable.from(pieces(content), { objectMode: false }), LETTING_GO);
    const [fast, slow] = [new CollectingSink(), new CollectingSink(0)];
    stream.attach(0, fast, "follow");
    stream.attach(0, slow, "follow");
    while (!slow.isEnded) {
      await turn();
      slow.allow(1);
    }
    assert.ok(slow.bytes.equals(content));
    assert.ok(fast.bytes.equals(content));
  });

  it("waits without end for its record, and for a client that holds it alone", async () => {
    for (const kind of ["record", "hold"] as const) {
      const source = new EndlessSource(16 * KIBIBYTE);
      const stream = new ReplayStream(source, LETTING_GO);
      const stopped = new CollectingSink(0);
      stream.attach(0, stopped, kind);
      if (kind === "hold") stream.attach(0, new CollectingSink(), "record");
      await settle();
      const { given } = source;
      await delay(1200);
      assert.equal(source.given, given, kind);
      stream.end();
    }
  });

  it("lets go what nobody reads, unless a reader is expected", async () => {
    const unread = new EndlessSource(64 * KIBIBYTE);
    const stream = new ReplayStream(unread, LETTING_GO);
    while (stream.length < 8 * MEBIBYTE) await turn();
    stream.end();

    const source = new EndlessSource(64 * KIBIBYTE);
    const expecting = new ReplayStream(source, LETTING_GO);
    expecting.expectReader(60_000);
    await settle();
    assert.ok(expecting.length <= MEBIBYTE + 128 * KIBIBYTE, `${expecting.length} bytes`);
    const sink = new CollectingSink();
    const detach = expecting.attach(0, sink, "hold", 60_000);
    await sink.until(({ length }) => length > 3 * MEBIBYTE);
    detach("lost");
    await settle();
    const { length } = expecting;
    await settle();
    assert.equal(expecting.length, length, "it waits for the client that lost its link");
    const back = new CollectingSink();
    expecting.attach(sink.length, back, "hold", 60_000)("left");
    while (expecting.length < length + 4 * MEBIBYTE) await turn();
    expecting.end();
  });

  it("waits for followers that lost their links as long as for one that pauses, for each at its place", async () => {
    const source = new EndlessSource(64 * KIBIBYTE);
    const stream = new ReplayStream(source, LETTING_GO);
    const record = new CollectingSink();
    stream.attach(0, record, "record");
    const sinks = [new CollectingSink(), new CollectingSink()] as const;
    const detach = sinks.map((sink) => stream.attach(0, sink, "follow", 60_000));
    for (const sink of sinks) await sink.until(({ length }) => length > 5 * MEBIBYTE);
    const begin = performance.now();
    detach.forEach((each) => each("lost"));
    // The place that it names is before what it had been handed: some was lost on the way.
    const had = sinks[0].length - 2 * MEBIBYTE;
    await settle();
    assert.ok(stream.length < sinks[0].length + 2 * MEBIBYTE, `${stream.length} bytes`);
    const back = new CollectingSink();
    stream.attach(had, back, "follow", 60_000);
    await back.until(({ length }) => length > 2 * MEBIBYTE);
    const { length } = stream;
    assert.ok(length < sinks[1].length + 2 * MEBIBYTE, "it waits for the other one");
    await back.until((sink) => sink.length > 8 * MEBIBYTE);
    const tookMs = performance.now() - begin;
    assert.ok(tookMs > 900, `${tookMs} ms`);
    assert.ok(back.bytes.equals(record.bytes.subarray(had, had + back.length)));
    stream.end();
  });

  it("does not wait longer than that for a reader that was expected", async () => {
    const source = new EndlessSource(64 * KIBIBYTE);
    const stream = new ReplayStream(source, LETTING_GO);
    stream.expectReader(50);
    while (stream.length < 8 * MEBIBYTE) await delay(5);
    stream.end();
  });
});
