import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, readdirSync } from "node:fs";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bridge } from "../../../src/system/system.ts";
import { linux } from "./linux.ts";
import { openPty } from "./pty.ts";

const TEN_MEGABYTES = 10_000_000;

/** A bridge on the slave of a pty: `far` is what the other machine holds, `near` comes from the bridge. */
class Line {
  readonly far: Duplex;
  readonly bridge: Bridge;
  readonly errors: Error[] = [];
  readonly #connections: Duplex[] = [];
  readonly #waiting: ((connection: Duplex) => void)[] = [];
  readonly #slave: number;

  constructor(isInterrupted = false) {
    const pty = openPty();
    this.#slave = pty.slave;
    linux.setRawMode(pty.slave);
    this.far = linux.adoptStream(pty.master, "duplex");
    const events = {
      onConnection: (socket: number): void => this.#connected(linux.adoptStream(socket, "duplex")),
      onError: (error: Error): void => void this.errors.push(error),
    };
    this.bridge = linux.bridgeDevice(pty.pty, events, isInterrupted);
  }

  #connected(connection: Duplex): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#connections.push(connection);
    else waiting(connection);
  }

  next(): Promise<Duplex> {
    const connection = this.#connections.shift();
    if (connection !== undefined) return Promise.resolve(connection);
    return new Promise((done) => this.#waiting.push(done));
  }

  async close(): Promise<void> {
    await this.bridge.close();
    this.far.destroy();
    closeSync(this.#slave);
  }
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Reads exactly so many bytes and leaves the stream open. */
async function take(stream: Duplex, count: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  await new Promise<void>((done, failed) => {
    const stop = () => {
      stream.off("data", onData).off("end", onEnd);
      stream.pause();
    };
    const onEnd = () => {
      stop();
      failed(new Error(`ended after ${received} of ${count} bytes`));
    };
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received < count) return;
      stop();
      done();
    };
    stream.on("data", onData).on("end", onEnd).resume();
  });
  return Buffer.concat(chunks);
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe("bridgeDevice on a serial line", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("carries ten megabytes each way at the same time, intact", async () => {
    const line = new Line();
    const near = await line.next();
    const inward = randomBytes(TEN_MEGABYTES);
    const outward = randomBytes(TEN_MEGABYTES);
    const both = Promise.all([take(near, TEN_MEGABYTES), take(line.far, TEN_MEGABYTES)]);
    line.far.write(inward);
    near.write(outward);
    const [received, sent] = await both;
    assert.equal(digest(received), digest(inward));
    assert.equal(digest(sent), digest(outward));
    await line.close();
  }).timeout(20_000);

  it("holds the far side back while the socket is not read", async () => {
    const line = new Line();
    const near = await line.next();
    let accepted = 0;
    const chunk = Buffer.alloc(65_536);
    near.pause();
    while (accepted < TEN_MEGABYTES) {
      accepted += chunk.length;
      if (!line.far.write(chunk) && (await Promise.race([once(line.far, "drain"), sleep(300)])) === undefined)
        break;
    }
    assert.ok(accepted < TEN_MEGABYTES / 2, `${accepted} bytes were taken`);
    assert.equal((await take(near, accepted)).length, accepted);
    await line.close();
  });

  it("starts a new connection at a new peer's banner", async () => {
    const line = new Line();
    const first = await line.next();
    line.far.write("SSH-2.0-first\r\n");
    assert.equal((await take(first, 15)).toString(), "SSH-2.0-first\r\n");
    line.far.write("payload");
    assert.equal((await take(first, 7)).toString(), "payload");
    first.resume();
    const ended = once(first, "end");
    line.far.write("SSH-2.0-second\r\n");
    const second = await line.next();
    await ended;
    assert.equal((await take(second, 16)).toString(), "SSH-2.0-second\r\n");
    second.write("answer");
    assert.equal((await take(line.far, 6)).toString(), "answer");
    await line.close();
  });

  it("sends away whoever spoke with a process before, and takes the next peer", async () => {
    const line = new Line(true);
    const refusal = "SSH-2.0-interrupted\r\n".repeat(2);
    const received = await take(line.far, 65_536);
    assert.equal(received.toString("latin1", 0, refusal.length), refusal);
    // Whatever packet a peer is in the middle of ends within the rest.
    assert(received.subarray(refusal.length).every((byte) => byte === 0xff));
    line.far.write("the rest of a packet");
    line.far.write("SSH-2.0-next\r\n");
    const near = await line.next();
    assert.equal((await take(near, 14)).toString(), "SSH-2.0-next\r\n");
    near.write("answer");
    assert.equal((await take(line.far, 6)).toString(), "answer");
    await line.close();
  });

  it("recognises a banner that a slow line delivers byte by byte", async () => {
    const line = new Line();
    const first = await line.next();
    for (const byte of "SSH-2.0-a\r\n") {
      line.far.write(byte);
      await sleep(2);
    }
    assert.equal((await take(first, 11)).toString(), "SSH-2.0-a\r\n");
    first.resume();
    for (const byte of "SSSH-SSH-2.0-b\r\n") {
      line.far.write(byte);
      await sleep(2);
    }
    const second = await line.next();
    assert.equal((await take(second, 11)).toString(), "SSH-2.0-b\r\n");
    await line.close();
  });

  it("drops what arrives after the socket was closed, until the next banner", async () => {
    const line = new Line();
    const first = await line.next();
    line.far.write("SSH-2.0-first\r\n");
    await take(first, 15);
    first.end("last words");
    assert.equal((await take(line.far, 10)).toString(), "last words");
    first.destroy();
    line.far.write(Buffer.alloc(200_000));
    await sleep(100);
    line.far.write("SSH-2.0-second\r\n");
    const second = await line.next();
    assert.equal((await take(second, 16)).toString(), "SSH-2.0-second\r\n");
    await line.close();
  });

  it("finds the next peer behind the rest of the last one, and behind noise on a new line", async () => {
    const line = new Line();
    await line.next();
    line.far.write("noise SSSH-2.0-first\r\n");
    const first = await line.next();
    assert.equal((await take(first, 15)).toString(), "SSH-2.0-first\r\n");
    line.far.write(`${"rest ".repeat(50_000)}SSH-2.0-second\r\nmore`);
    first.resume();
    const second = await line.next();
    assert.equal((await take(second, 20)).toString(), "SSH-2.0-second\r\nmore");
    await line.close();
  });

  it("delivers everything that was written before the socket was closed", async () => {
    const line = new Line();
    const near = await line.next();
    const content = randomBytes(1_000_000);
    near.end(content);
    assert.equal(digest(await take(line.far, content.length)), digest(content));
    await line.close();
  });

  it("goes on receiving after the socket's own side has ended", async () => {
    const line = new Line();
    const near = await line.next();
    near.end("done");
    assert.equal((await take(line.far, 4)).toString(), "done");
    line.far.write("still here");
    assert.equal((await take(near, 10)).toString(), "still here");
    await line.close();
  });

  it("closes while both directions are busy, and leaves nothing open", async () => {
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) {
      const line = new Line();
      const near = await line.next();
      near.on("error", () => {}); // the write that is under way when the bridge closes fails with EPIPE
      near.resume();
      near.write(Buffer.alloc(TEN_MEGABYTES));
      line.far.write(Buffer.alloc(TEN_MEGABYTES));
      await sleep(20);
      const closed = new Promise((done) => near.on("close", done));
      await Promise.all([line.close(), closed]);
    }
    await sleep(50);
    assert.equal(openDescriptors(), before);
  });

  it("resolves each close, also a second one", async () => {
    const line = new Line();
    await line.next();
    await Promise.all([line.bridge.close(), line.bridge.close()]);
    await line.close();
  });

  it("reports a line that vanishes, ends the socket, and can still be closed", async () => {
    const line = new Line();
    const near = await line.next();
    near.resume();
    const ended = once(near, "end");
    line.far.destroy();
    await ended;
    await sleep(20);
    assert.equal(line.errors.length, 1);
    assert.match(String(line.errors[0]), /SystemCallError: read \/dev\/pts\/\d+: .* \(EIO\)/);
    await line.close();
  });

  it("fails at once for a device that does not exist", () => {
    const events = { onConnection: () => {}, onError: () => {} };
    assert.throws(() => linux.bridgeDevice("/dev/none", events, false), {
      name: "SystemCallError",
      code: "ENOENT",
      syscall: "open",
      path: "/dev/none",
    });
  });
});
