import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { closeSync, readdirSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { CountedInput } from "../../../src/system/process-streams.ts";
import { linux } from "./linux.ts";
import { openPty } from "./pty.ts";

/** An input on a pipe or terminal, and what its reader does. */
class Fed {
  readonly file: number = linux.makeInput();
  readonly reader: number;
  readonly target: number;
  input: CountedInput;
  timesWritable = 0;

  constructor([reader, target]: readonly [number, number] = linux.pipe()) {
    this.reader = reader;
    this.target = target;
    this.input = this.open();
  }

  open(): CountedInput {
    return linux.openInput(this.file, this.target, { onWritable: () => (this.timesWritable += 1) });
  }

  read(maxBytes: number): Buffer {
    const bytes = Buffer.alloc(maxBytes);
    return bytes.subarray(0, readSync(this.reader, bytes));
  }

  close(): void {
    this.input.close();
    for (const each of [this.file, this.reader, this.target]) closeSync(each);
  }
}

describe("a counted input", function () {
  this.timeout(20_000);

  it("writes and counts", () => {
    const fed = new Fed();
    assert.equal(fed.input.write(Buffer.from("some")), 4);
    assert.equal(fed.input.write(new Uint8Array()), 0);
    assert.equal(fed.input.write(Buffer.from(" bytes")), 6);
    assert.equal(fed.input.writtenBytes(), 10);
    assert.equal(fed.read(100).toString(), "some bytes");
    fed.close();
  });

  it("takes what fits, and tells once when there is room again", async () => {
    const fed = new Fed();
    const bytes = randomBytes(200_000);
    const first = fed.input.write(bytes);
    assert.ok(first > 0 && first < bytes.length);
    assert.equal(fed.input.write(bytes), 0);
    await sleep(30);
    assert.equal(fed.timesWritable, 0);
    const received = [fed.read(100_000)];
    await sleep(30);
    assert.equal(fed.timesWritable, 1);
    for (let offset = first; offset < bytes.length; ) {
      offset += fed.input.write(bytes.subarray(offset));
      received.push(fed.read(100_000));
    }
    assert.ok(Buffer.concat(received).equals(bytes));
    assert.equal(fed.input.writtenBytes(), bytes.length);
    fed.close();
  });

  it("goes on with the count when it is opened anew", () => {
    const fed = new Fed();
    fed.input.write(Buffer.from("12345"));
    fed.input.close();
    fed.input = fed.open();
    assert.equal(fed.input.writtenBytes(), 5);
    fed.input.write(Buffer.from("678"));
    assert.equal(fed.input.writtenBytes(), 8);
    fed.close();
  });

  it("tells when nobody reads any more, by the next write", async () => {
    const [reader, target] = linux.pipe();
    const file = linux.makeInput();
    let timesWritable = 0;
    const input = linux.openInput(file, target, { onWritable: () => (timesWritable += 1) });
    const written = input.write(Buffer.alloc(200_000));
    closeSync(reader);
    await sleep(30);
    assert.equal(timesWritable, 1);
    assert.throws(() => input.write(Buffer.from("x")), { code: "EPIPE", syscall: "write" });
    assert.equal(input.writtenBytes(), written);
    input.close();
    [file, target].forEach(closeSync);
  });

  it("waits for a terminal whose program does not read, without being busy", async () => {
    const { master, slave } = openPty();
    linux.setRawMode(slave);
    const fed = new Fed([slave, master]);
    const bytes = randomBytes(300_000);
    let offset = fed.input.write(bytes);
    assert.ok(offset < bytes.length);
    assert.ok((await leastCpuMs()) < 20);
    const received: Buffer[] = [];
    for (let count = 0; count < bytes.length; ) {
      const piece = fed.read(65_536);
      received.push(piece);
      count += piece.length;
      if (offset === bytes.length) continue;
      // The kernel moves a terminal's bytes on a little later.
      await sleep(1);
      offset += fed.input.write(bytes.subarray(offset));
    }
    assert.ok(Buffer.concat(received).equals(bytes));
    assert.equal(fed.input.writtenBytes(), bytes.length);
    fed.close();
  });

  it("closes its reference to the target, so that the reader sees the end", () => {
    const before = readdirSync("/proc/self/fd").length;
    const [reader, target] = linux.pipe();
    const file = linux.makeInput();
    const input = linux.openInput(file, target, { onWritable: () => {} });
    closeSync(target);
    input.write(Buffer.from("x"));
    input.close();
    input.close();
    const bytes = Buffer.alloc(10);
    assert.equal(readSync(reader, bytes), 1);
    assert.equal(readSync(reader, bytes), 0);
    assert.throws(() => input.write(bytes), { code: "EBADF" });
    assert.throws(() => input.writtenBytes(), { code: "EBADF" });
    [file, reader].forEach(closeSync);
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("refuses what counts no input", () => {
    const ring = linux.makeRing(4096);
    assert.throws(() => linux.openInput(ring, 1, { onWritable: () => {} }), { code: "EINVAL" });
    closeSync(ring);
  });
});

/**
 * CPU time that this process uses in 40 ms, the least of some: a thread that is busy is so always, and what earlier
 * tests have left to collect is not.
 */
async function leastCpuMs(): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const before = process.cpuUsage();
    await sleep(40);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  return Math.min(...times);
}
