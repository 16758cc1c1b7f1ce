import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readdirSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Ring, RingState } from "../../../src/system/process-streams.ts";
import { linux } from "./linux.ts";
import { openPty } from "./pty.ts";

const RING_BYTES = 64 * 1024;

/** A ring on a pipe, and the pipe's other end. */
class Pumped {
  readonly file: number;
  readonly source: number;
  readonly writer: number;
  ring: Ring;
  changes = 0;

  constructor(capacityBytes = RING_BYTES, ends = linux.pipe()) {
    this.file = linux.makeRing(capacityBytes);
    [this.source, this.writer] = ends;
    this.ring = this.open();
  }

  open(): Ring {
    return linux.openRing(this.file, this.source, { onChange: () => (this.changes += 1) });
  }

  /** Waits for a state, as its reader does; two seconds at most. */
  async until(isReached: (state: RingState) => boolean): Promise<RingState> {
    for (let round = 0; round < 400; round++) {
      const state = this.ring.state();
      if (isReached(state)) return state;
      await sleep(5);
    }
    throw new Error(`stays at ${JSON.stringify(this.ring.state())}`);
  }

  close(): void {
    this.ring.close();
    for (const each of [this.file, this.source, this.writer]) closeSync(each);
  }
}

/** Memory that a memory file takes. */
function residentBytes(file: number): number {
  return fstatSync(file).blocks * 512;
}

describe("a ring", function () {
  this.timeout(20_000);
  let pumped: Pumped;

  beforeEach(() => {
    pumped = new Pumped();
  });

  afterEach(() => pumped.close());

  it("gives what was written, at its offset, as often as asked", async () => {
    writeSync(pumped.writer, "one two three");
    await pumped.until(({ end }) => end === 13);
    assert.equal(pumped.ring.read(0, 100)?.toString(), "one two three");
    assert.equal(pumped.ring.read(4, 3)?.toString(), "two");
    assert.equal(pumped.ring.read(4, 3)?.toString(), "two");
    assert.equal(pumped.ring.read(13, 3), undefined);
    await sleep(20);
    assert.equal(pumped.changes, 1);
  });

  it("gives nothing that was released, and a copy that outlives it", async () => {
    writeSync(pumped.writer, "x".repeat(RING_BYTES));
    await pumped.until(({ end }) => end === RING_BYTES);
    const kept = pumped.ring.read(0, 10);
    pumped.ring.release(RING_BYTES);
    writeSync(pumped.writer, "y".repeat(RING_BYTES));
    await pumped.until(({ end }) => end === 2 * RING_BYTES);
    assert.equal(kept?.toString(), "x".repeat(10));
    assert.equal(pumped.ring.read(0, 10), undefined);
    assert.equal(pumped.ring.read(RING_BYTES, 10)?.toString(), "y".repeat(10));
  });

  it("reads across its end in one piece", async () => {
    writeSync(pumped.writer, "x".repeat(RING_BYTES - 3));
    await pumped.until(({ end }) => end === RING_BYTES - 3);
    pumped.ring.release(RING_BYTES - 3);
    writeSync(pumped.writer, "abcdef");
    await pumped.until(({ end }) => end === RING_BYTES + 3);
    assert.equal(pumped.ring.read(RING_BYTES - 3, 100)?.toString(), "abcdef");
  });

  it("lets the process wait when it is full, and goes on when there is room", async () => {
    const bytes = randomBytes(5 * RING_BYTES);
    const count = linux.makeInput();
    const input = linux.openInput(count, pumped.writer, { onWritable: () => {} });
    input.write(bytes);
    await pumped.until(({ end }) => end === RING_BYTES);
    await sleep(50);
    assert.equal(pumped.ring.state().end, RING_BYTES);
    const received: Buffer[] = [];
    for (let offset = 0; offset < bytes.length; ) {
      input.write(bytes.subarray(input.writtenBytes()));
      const piece = pumped.ring.read(offset, 10_000) ?? Buffer.alloc(0);
      received.push(piece);
      offset += piece.length;
      pumped.ring.release(offset);
      await sleep(0);
    }
    assert.ok(Buffer.concat(received).equals(bytes));
    input.close();
    closeSync(count);
  });

  it("reads no further than its limit", async () => {
    pumped.ring.setLimit(5);
    writeSync(pumped.writer, "0123456789");
    await pumped.until(({ end }) => end === 5);
    await sleep(30);
    assert.equal(pumped.ring.state().end, 5);
    pumped.ring.setLimit(7);
    await pumped.until(({ end }) => end === 7);
    pumped.ring.setLimit(3);
    assert.equal(pumped.ring.read(0, 100)?.toString(), "0123456");
    pumped.ring.setLimit(100);
    await pumped.until(({ end }) => end === 10);
  });

  it("ends with its source, behind the last byte", async () => {
    const [source, writer] = linux.pipe();
    const file = linux.makeRing(RING_BYTES);
    writeSync(writer, "last words");
    closeSync(writer);
    const ring = await new Promise<Ring>((done) => {
      const opened: Ring = linux.openRing(file, source, {
        onChange: () => opened.state().hasEnded && done(opened),
      });
    });
    assert.deepEqual(ring.state(), { start: 0, end: 10, hasEnded: true });
    ring.close();
    // The end is in the file, so it is there for the next reader too.
    const again = linux.openRing(file, source, { onChange: () => {} });
    assert.deepEqual(again.state(), { start: 0, end: 10, hasEnded: true });
    assert.equal(again.read(5, 100)?.toString(), "words");
    again.close();
    [source, file].forEach(closeSync);
  });

  it("takes at once what has come, and the end, when it is asked to", () => {
    const [source, writer] = linux.pipe();
    const file = linux.makeRing(RING_BYTES);
    const ring = linux.openRing(file, source, { onChange: () => {} });
    writeSync(writer, "last ");
    ring.catchUp();
    assert.deepEqual(ring.state(), { start: 0, end: 5, hasEnded: false });
    ring.catchUp();
    writeSync(writer, "words");
    closeSync(writer);
    ring.catchUp();
    assert.deepEqual(ring.state(), { start: 0, end: 10, hasEnded: true });
    assert.equal(ring.read(0, 100)?.toString(), "last words");
    ring.catchUp();
    ring.close();
    [source, file].forEach(closeSync);
  });

  it("reads no further than its limit when it is asked to catch up", () => {
    const [source, writer] = linux.pipe();
    const file = linux.makeRing(RING_BYTES);
    const ring = linux.openRing(file, source, { onChange: () => {} });
    ring.setLimit(3);
    writeSync(writer, "last words");
    ring.catchUp();
    assert.equal(ring.state().end, 3);
    ring.close();
    [source, writer, file].forEach(closeSync);
  });

  it("ends when a terminal's last process has gone", async () => {
    const { master, slave } = openPty();
    const file = linux.makeRing(RING_BYTES);
    const ring = linux.openRing(file, master, { onChange: () => {} });
    linux.setRawMode(slave);
    writeSync(slave, "goodbye");
    closeSync(slave);
    for (let round = 0; round < 100 && !ring.state().hasEnded; round++) await sleep(5);
    assert.deepEqual(ring.state(), { start: 0, end: 7, hasEnded: true });
    ring.close();
    [master, file].forEach(closeSync);
  });

  it("can be ended though its source is open", async () => {
    writeSync(pumped.writer, "some");
    await pumped.until(({ end }) => end === 4);
    pumped.ring.end();
    const { changes } = pumped;
    await sleep(20);
    assert.equal(pumped.changes, changes + 1);
    writeSync(pumped.writer, "more");
    await sleep(30);
    assert.deepEqual(pumped.ring.state(), { start: 0, end: 4, hasEnded: true });
  });

  it("goes on where it was when it is opened anew, limit and all", async () => {
    writeSync(pumped.writer, "0123456789");
    await pumped.until(({ end }) => end === 10);
    pumped.ring.release(4);
    pumped.ring.setLimit(12);
    pumped.ring.close();
    writeSync(pumped.writer, "abcdef");
    pumped.ring = pumped.open();
    await pumped.until(({ end }) => end === 12);
    await sleep(30);
    assert.deepEqual(pumped.ring.state(), { start: 4, end: 12, hasEnded: false });
    assert.equal(pumped.ring.read(4, 100)?.toString(), "456789ab");
  });

  it("only looks without a source", async () => {
    const seen = linux.openRing(pumped.file, undefined, { onChange: () => {} });
    writeSync(pumped.writer, "text");
    await pumped.until(({ end }) => end === 4);
    assert.equal(seen.read(0, 10)?.toString(), "text");
    seen.close();
  });

  it("gives its memory back once it is idle", async () => {
    const large = new Pumped(4 << 20);
    let released = 0;
    for (let round = 0; round < 10; round++) {
      await writeAll(large.writer, Buffer.alloc(1 << 20, "x"));
      const { end } = await large.until((state) => state.end === (round + 1) << 20);
      released = end - (round === 9 ? 1 << 20 : 0);
      large.ring.release(released);
    }
    await sleep(300);
    assert.ok(residentBytes(large.file) <= (1 << 20) + 8192, `${residentBytes(large.file)} bytes`);
    assert.equal(large.ring.read(released, 4)?.toString(), "xxxx");
    large.ring.release(10 << 20);
    await sleep(300);
    assert.ok(residentBytes(large.file) <= 8192, `${residentBytes(large.file)} bytes`);
    await writeAll(large.writer, Buffer.from("and on it goes"));
    await large.until(({ end }) => end === (10 << 20) + 14);
    assert.equal(large.ring.read(10 << 20, 100)?.toString(), "and on it goes");
    large.close();
  });

  it("tells every reader its news, though one throws", async () => {
    const second = new Pumped();
    const error = new Error("of a listener");
    const caught: unknown[] = [];
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (thrown) => caught.push(thrown));
    const bad = linux.openRing(second.file, second.source, {
      onChange: () => {
        throw error;
      },
    });
    writeSync(second.writer, "x");
    writeSync(pumped.writer, "y");
    await sleep(50);
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
    assert.deepEqual(caught, [error]);
    assert.equal(pumped.changes, 1);
    bad.close();
    second.close();
  });

  it("refuses what is no ring, and everything once it is closed", () => {
    const events = { onChange: () => {} };
    const input = linux.makeInput();
    const file = openSync("/dev/null", constants.O_RDWR);
    assert.throws(() => linux.openRing(input, pumped.source, events), { code: "EINVAL" });
    assert.throws(() => linux.openRing(file, pumped.source, events), { code: "EINVAL" });
    assert.throws(() => linux.openRing(9999, pumped.source, events), { code: "EBADF" });
    assert.throws(() => linux.openRing(pumped.file, 9999, events), { code: "EBADF" });
    assert.throws(() => linux.makeRing(1000), TypeError);
    assert.throws(() => linux.makeRing(4097), TypeError);
    assert.throws(() => ftruncateSync(pumped.file, 0), { code: "EPERM" });
    const ring = linux.openRing(pumped.file, undefined, events);
    ring.close();
    ring.close();
    assert.throws(() => ring.state(), { code: "EBADF" });
    assert.throws(() => ring.read(0, 1), { code: "EBADF" });
    assert.throws(() => ring.release(0), { code: "EBADF" });
    [input, file].forEach(closeSync);
  });

  it("serves hundreds at once, and leaves nothing open", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const many = Array.from({ length: 300 }, () => new Pumped());
    many.forEach(({ writer }, index) => writeSync(writer, `number ${index}`));
    for (const [index, one] of many.entries()) {
      const expected = `number ${index}`;
      await one.until(({ end }) => end === expected.length);
      assert.equal(one.ring.read(0, 100)?.toString(), expected);
    }
    await sleep(50);
    for (const one of many) {
      assert.ok(one.changes >= 1);
      one.close();
    }
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });
});

/** Writes all of it to a pipe that a ring with enough room reads. */
async function writeAll(descriptor: number, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += 16_384) {
    writeSync(descriptor, bytes.subarray(offset, offset + 16_384));
    await sleep(0);
  }
}
