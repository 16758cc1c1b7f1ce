import assert from "node:assert/strict";
import { PassThrough, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate as turn } from "node:timers/promises";
import { InputStream, type InputTarget } from "../../../src/session/input-stream.ts";

const byChoice = (): boolean => true;
const byLoss = (): boolean => false;
const open = { isOpen: true, endsWithClient: true };

/** A process that reads nothing until it is told to. */
class SleepyReader extends Writable {
  readonly #waiting: Array<() => void> = [];
  received = 0;
  isAwake = false;

  constructor() {
    super({ highWaterMark: 1024 });
  }

  wake(): void {
    this.isAwake = true;
    for (const done of this.#waiting.splice(0)) done();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.received += chunk.length;
    if (this.isAwake) done();
    else this.#waiting.push(done);
  }
}

/** Gives an input a process's end that a Node stream plays: one chunk at a time, and none while it is full. */
function connect(input: InputStream, target: Writable): void {
  let writtenBytes = 0;
  target.on("drain", () => input.writable());
  target.on("error", () => {});
  const end: InputTarget = {
    writtenBytes: () => writtenBytes,
    write: (bytes) => {
      if (target.destroyed) throw new Error("EPIPE");
      if (target.writableNeedDrain) return 0;
      target.write(bytes);
      writtenBytes += bytes.length;
      return bytes.length;
    },
    end: () => target.end(),
  };
  input.connect(end);
}

async function settle(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

describe("standard input", () => {
  it("carries what a client writes, and ends when the client ends it", async () => {
    const input = new InputStream(open);
    const target = new PassThrough();
    connect(input, target);
    input.attach(Readable.from([Buffer.from("one "), Buffer.from("two")]), byChoice);
    assert.equal(await text(target), "one two");
    assert.equal(input.acceptedBytes, 7);
  });

  it("stays open when a client was lost, or when it is not to end with a client", async () => {
    for (const [options, why] of [
      [open, byLoss],
      [{ ...open, endsWithClient: false }, byChoice],
    ] as const) {
      const input = new InputStream(options);
      const target = new PassThrough();
      connect(input, target);
      input.attach(Readable.from([Buffer.from("first ")]), why);
      await settle();
      assert.equal(target.writableEnded, false);
      input.attach(Readable.from([Buffer.from("second")]), why);
      await settle();
      assert.equal(target.read()?.toString(), "first second");
    }
  });

  it("ends for good with the first client of several that ends it", async () => {
    const input = new InputStream(open);
    const target = new PassThrough();
    connect(input, target);
    const other = new PassThrough();
    input.attach(other, byChoice);
    other.write("kept ");
    await settle();
    input.attach(Readable.from([Buffer.from("last")]), byChoice);
    assert.equal(await text(target), "kept last");
    other.write("dropped");
    await settle();
    assert.equal(other.readableLength, 0, "a client is not held back by an input that has ended");
  });

  it("mixes several clients' writes without losing any", async () => {
    const input = new InputStream({ ...open, endsWithClient: false });
    const target = new PassThrough();
    connect(input, target);
    const clients = [new PassThrough(), new PassThrough()];
    for (const client of clients) input.attach(client, byChoice);
    for (let count = 0; count < 10; count++) {
      clients[0]?.write("a");
      clients[1]?.write("b");
      await turn();
    }
    await settle();
    input.end();
    const content = await text(target);
    assert.deepEqual(
      [content.replaceAll("b", ""), content.replaceAll("a", "")],
      ["a".repeat(10), "b".repeat(10)],
    );
  });

  it("holds every client back while the process does not read, and lets them go on with it", async () => {
    const input = new InputStream(open);
    const reader = new SleepyReader();
    connect(input, reader);
    const [one, two] = [new PassThrough(), new PassThrough()];
    input.attach(one, byLoss);
    input.attach(two, byLoss);
    for (const client of [one, two]) client.write(Buffer.alloc(8000));
    await settle();
    for (const client of [one, two]) client.write(Buffer.alloc(8000));
    await settle();
    const taken = input.acceptedBytes;
    assert.ok(taken >= 8000 && taken <= 16_000, `${taken} bytes were taken over`);
    const late = new PassThrough();
    late.write(Buffer.alloc(100));
    input.attach(late, byLoss);
    await settle();
    assert.equal(input.acceptedBytes, taken, "a client that comes meanwhile is held back too");
    reader.wake();
    await settle();
    assert.equal(input.acceptedBytes, 32_100);
    assert.equal(reader.received, 32_100);
  });

  it("waits with what came before there is a process, its end included", async () => {
    const input = new InputStream(open);
    input.attach(Readable.from([Buffer.from("early")]), byChoice);
    await settle();
    assert.equal(input.acceptedBytes, 0);
    const target = new PassThrough();
    connect(input, target);
    assert.equal(await text(target), "early");
  });

  it("that is not open takes everything and keeps nothing", async () => {
    const input = new InputStream({ isOpen: false, endsWithClient: true });
    const client = new PassThrough({ highWaterMark: 10 });
    input.attach(client, byChoice);
    client.write(Buffer.alloc(100));
    await settle();
    assert.equal(client.readableLength, 0);
    input.connect(undefined);
    client.end(Buffer.alloc(100));
    await settle();
    assert.ok(client.readableEnded);
  });

  it("drops what comes when the process has closed its input", async () => {
    const input = new InputStream(open);
    const target = new PassThrough();
    connect(input, target);
    const client = new PassThrough({ highWaterMark: 10 });
    input.attach(client, byChoice);
    target.destroy(new Error("EPIPE"));
    await settle();
    client.end(Buffer.alloc(100_000));
    await settle();
    assert.ok(client.readableEnded, "the client is not held back");
  });

  it("drops the rest of a client that was detached, and does not count it", async () => {
    const input = new InputStream(open);
    const reader = new SleepyReader();
    connect(input, reader);
    const client = new PassThrough();
    const detach = input.attach(client, byChoice);
    client.write(Buffer.alloc(4000));
    await settle();
    client.write(Buffer.alloc(500));
    await settle();
    client.write(Buffer.alloc(700));
    await settle();
    detach();
    client.end();
    reader.wake();
    await settle();
    assert.equal(input.acceptedBytes, 4500);
    assert.equal(reader.received, 4500);
    assert.equal(reader.writableEnded, false, "the end of a client that was detached counts no more");
    assert.ok(client.readableEnded, "nothing stays behind in the client");
  });
});
