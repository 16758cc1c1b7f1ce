import { deepEqual, equal } from "node:assert/strict";
import { Writable } from "node:stream";
import type { ServerChannel } from "ssh2";
import { ChannelOutput } from "../../../../src/tether/statistics/channel-output.ts";

/** A link that sends what it is told to send, and a channel on it whose window the test opens and closes. */
class TestLink {
  bytesWritten = 0;
  readonly #sent: Array<() => void> = [];
  readonly #waiting: Array<() => void> = [];
  isWindowOpen = true;
  readonly socket: Writable = new Writable({
    highWaterMark: 64 * 1024,
    write: (_chunk, _encoding, done) => void this.#sent.push(done),
  });
  readonly channel: ServerChannel = Object.assign(
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        const pass = (): void => {
          this.bytesWritten += chunk.length;
          this.socket.write(chunk);
          done();
        };
        if (this.isWindowOpen) pass();
        else this.#waiting.push(pass);
      },
    }),
    { _client: { _sock: this.socket } },
  ) as unknown as ServerChannel;

  constructor() {
    Object.defineProperty(this.socket, "bytesWritten", { get: () => this.bytesWritten });
  }

  async send(): Promise<void> {
    while (this.socket.writableLength > 0) {
      this.#sent.shift()?.();
      await new Promise(setImmediate);
    }
  }

  async openWindow(): Promise<void> {
    this.isWindowOpen = true;
    for (const pass of this.#waiting.splice(0)) pass();
    await new Promise(setImmediate);
  }
}

const KILOBYTE = Buffer.alloc(1024);

describe("the output of a channel with statistics", () => {
  it("has room for 16 KiB that have not left, and again when they have", async () => {
    const link = new TestLink();
    const output = new ChannelOutput(link.channel);
    let count = 0;
    for (; output.isReady; count++) output.write(KILOBYTE);
    equal(count, 17);
    await link.send();
    equal(output.isReady, true);
  });

  it("does not count what others send on the same link", async () => {
    const link = new TestLink();
    const [quiet, loud] = [new ChannelOutput(link.channel), new ChannelOutput(link.channel)];
    quiet.write(KILOBYTE);
    for (let count = 0; count < 40; count++) loud.write(KILOBYTE);
    deepEqual([quiet.isReady, loud.isReady], [true, false]);
    await link.send();
    deepEqual([quiet.isReady, loud.isReady], [true, true]);
  });

  it("counts what the channel's window does not take", async () => {
    const link = new TestLink();
    link.isWindowOpen = false;
    const output = new ChannelOutput(link.channel);
    for (let count = 0; count < 20; count++) output.write(KILOBYTE);
    equal(output.isReady, false);
    let hasRoom = false;
    const room = output.room().then(() => {
      hasRoom = true;
    });
    await new Promise(setImmediate);
    equal(hasRoom, false);
    for (let count = 0; count < 20; count++) await link.openWindow();
    await room;
    await link.send();
    equal(output.isReady, true);
  });

  it("waits for a link that is full", async () => {
    const link = new TestLink();
    const output = new ChannelOutput(link.channel);
    output.write(Buffer.alloc(100_000));
    let hasRoom = false;
    const room = output.room().then(() => {
      hasRoom = true;
    });
    await new Promise(setImmediate);
    equal(hasRoom, false);
    await link.send();
    await room;
    equal(link.socket.listenerCount("drain"), 0);
  });

  it("keeps nobody waiting when the client has gone, and takes nothing more", async () => {
    const link = new TestLink();
    const output = new ChannelOutput(link.channel);
    output.write(Buffer.alloc(100_000));
    const room = output.room();
    output.end();
    await room;
    const { bytesWritten } = link;
    output.write(KILOBYTE);
    deepEqual([output.isReady, link.bytesWritten], [false, bytesWritten]);
  });
});
