import assert from "node:assert/strict";
import { closeSync, readSync, writeSync } from "node:fs";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { linux } from "./linux.ts";
import { openPty } from "./pty.ts";

const MEBIBYTE = 1 << 20;

/** Starts `sh -c script`; its status is taken after all tests, when libuv waits for no child. */
function start(script: string, descriptors: (number | undefined)[]): number {
  return linux.spawn({
    path: "/bin/sh",
    args: ["sh", "-c", script],
    env: ["PATH=/bin:/usr/bin"],
    descriptors,
  });
}

async function byteCount(stream: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}

describe("adoptStream", () => {
  after(() => {
    for (let child = linux.peekChild(); child !== undefined; child = linux.peekChild())
      linux.reapChild(child.pid);
  });

  it("reads everything from a pipe whose writer has long ended", async () => {
    const [reader, writer] = linux.pipe();
    start("printf complete", [undefined, writer, 2]);
    closeSync(writer);
    await sleep(100);
    const stream = linux.adoptStream(reader, "read");
    await sleep(50);
    assert.equal(await text(stream), "complete");
  });

  it("loses no byte of a writer that ends at once", async () => {
    const [reader, writer] = linux.pipe();
    start(`head -c ${8 * MEBIBYTE} /dev/zero`, [undefined, writer, 2]);
    closeSync(writer);
    assert.equal(await byteCount(linux.adoptStream(reader, "read")), 8 * MEBIBYTE);
  });

  it("writes to a pipe and closes it", async () => {
    const [reader, writer] = linux.pipe();
    const [counts, countWriter] = linux.pipe();
    start("wc -c", [reader, countWriter, 2]);
    closeSync(reader);
    closeSync(countWriter);
    const stream = linux.adoptStream(writer, "write");
    stream.end(Buffer.alloc(3 * MEBIBYTE));
    await finished(stream, { readable: false });
    assert.equal((await text(linux.adoptStream(counts, "read"))).trim(), String(3 * MEBIBYTE));
  });

  it("gives EPIPE when the reader has gone, and no signal", async () => {
    const [reader, writer] = linux.pipe();
    closeSync(reader);
    const stream = linux.adoptStream(writer, "write");
    stream.write("nobody");
    const [error] = await once(stream, "error");
    assert.equal(error.code, "EPIPE");
  });

  it("ends a pty master cleanly when its last user closes it", async () => {
    const { master, slave } = openPty();
    linux.setRawMode(slave);
    start(`head -c ${MEBIBYTE} /dev/zero; printf end`, [slave, slave, slave]);
    closeSync(slave);
    assert.equal(await byteCount(linux.adoptStream(master, "duplex")), MEBIBYTE + 3);
  });

  it("ends a pty master cleanly for a reader who comes late", async () => {
    const { master, slave } = openPty();
    linux.setRawMode(slave);
    start("printf late", [slave, slave, slave]);
    closeSync(slave);
    const stream = linux.adoptStream(master, "duplex");
    await sleep(200);
    assert.equal(await text(stream), "late");
    assert.ok(stream.destroyed || stream.writableEnded || stream.readableEnded);
  });

  it("writes to a pty master, as a terminal's user does", async () => {
    const { master, slave } = openPty();
    start('read line; echo "<$line>"; stty size', [slave, slave, slave]);
    linux.setWindowSize(master, { columns: 132, rows: 43 });
    closeSync(slave);
    const stream = linux.adoptStream(master, "duplex");
    stream.write("typed\r");
    assert.equal(await text(stream), "typed\r\n<typed>\r\n43 132\r\n");
  });

  it("does not stop the agent when a program reads nothing of what is typed", async () => {
    const { master, slave } = openPty();
    linux.setRawMode(slave);
    const [counts, countWriter] = linux.pipe();
    start("sleep 0.2; head -c 100000 | wc -c", [slave, countWriter, 2]);
    closeSync(slave);
    closeSync(countWriter);
    const stream = linux.adoptStream(master, "duplex");
    stream.resume();
    stream.write(Buffer.alloc(100_000, "typed "));
    const before = performance.now();
    await sleep(50);
    assert.ok(performance.now() - before < 150, "the event loop stood still");
    assert.ok(stream.writableLength > 0);
    assert.equal((await text(linux.adoptStream(counts, "read"))).trim(), "100000");
  });

  it("closes the pty when the stream is destroyed", async () => {
    const { master, slave } = openPty();
    const stream = linux.adoptStream(master, "duplex");
    stream.destroy();
    await once(stream, "close");
    assert.throws(() => linux.setRawMode(slave), { code: "EIO" });
    closeSync(slave);
  });
});

describe("setRawMode", () => {
  it("passes every byte through as it is", () => {
    const { master, slave } = openPty();
    linux.setRawMode(slave);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    writeSync(slave, bytes);
    const received = Buffer.alloc(512);
    const length = readSync(master, received);
    assert.ok(received.subarray(0, length).equals(bytes));
    closeSync(master);
    closeSync(slave);
  });
});
