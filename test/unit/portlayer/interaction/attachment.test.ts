import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Socket } from "node:net";
import {
  Attachment,
  GuestConnection,
  type LocalStreams,
} from "../../../../src/portlayer/interaction/index.ts";
import type { Exit, SessionSpecification } from "../../../../src/session/index.ts";
import { type FakeSession, startFakeSession } from "../../../support/fake-process.ts";
import { shell, useNativeSessions } from "../../../support/native-session.ts";
import { ServedGuest } from "../../../support/served-guest.ts";

const MEBIBYTE = 1024 * 1024;

/** A user's end of an output: keeps everything, and tells how much it has after each write. */
class Collector extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #onLength: (length: number) => void;
  length = 0;

  constructor(onLength: (length: number) => void = () => {}) {
    super({ highWaterMark: 16 * 1024 });
    this.#onLength = onLength;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
    this.#onLength(this.length);
    // In a later turn, as a terminal or a pipe takes it.
    setImmediate(done);
  }
}

/** Carries an attachment over as many connections as it takes. @returns how many those were. */
async function carryToEnd(
  guest: ServedGuest,
  attachment: Attachment,
  onSocket: (socket: Socket) => void,
): Promise<number> {
  const signal = new AbortController().signal;
  for (let connections = 1; ; connections++) {
    const socket = await guest.connect();
    onSocket(socket);
    const connection = await GuestConnection.open(socket, guest.keys, () => {}, signal).catch(
      () => undefined,
    );
    if (connection === undefined) continue;
    const end = await connection
      .snapshot()
      .then(({ inputBytes }) => attachment.carry(connection, inputBytes ?? 0))
      .catch(() => "broken" as const);
    connection.close();
    await connection.closed;
    if (end === "drained") return connections;
  }
}

describe("an attachment", () => {
  let fake: FakeSession;
  let guest: ServedGuest;
  const begin = async (changes: Partial<SessionSpecification> = {}): Promise<void> => {
    fake = await startFakeSession({ openStdin: true, ...changes });
    guest = new ServedGuest(fake.session);
    void fake.outcome.then((outcome) => guest.exited(outcome as Exit));
  };
  const end = async (): Promise<void> => {
    fake.process.exit();
    await guest[Symbol.asyncDispose]();
  };
  beforeEach(() => begin());
  afterEach(end);

  const streams = (
    changes: Partial<LocalStreams> = {},
  ): LocalStreams & { output: Collector; errorOutput: Collector } =>
    ({
      input: undefined,
      output: new Collector(),
      errorOutput: new Collector(),
      ...changes,
    }) as LocalStreams & { output: Collector; errorOutput: Collector };

  /** The process echoes its input and ends with it. */
  const echo = async (): Promise<void> => {
    await pipeline(fake.process.stdin, fake.process.stdout, { end: false });
    fake.process.exit({ code: 0 });
  };

  it("carries output and error output apart, and is drained behind the exit", async () => {
    const local = streams();
    const attachment = new Attachment(local);
    fake.process.stdout.write("out");
    fake.process.stderr.write("err");
    fake.process.exit({ code: 3 });
    assert.equal(await carryToEnd(guest, attachment, () => {}), 1);
    assert.deepEqual([local.output.text, local.errorOutput.text], ["out", "err"]);
  });

  it("carries input, and its end", async () => {
    const local = streams({ input: Readable.from([Buffer.from("typed"), Buffer.from(" text")]) });
    const echoed = echo();
    await carryToEnd(guest, new Attachment(local), () => {});
    await echoed;
    assert.equal(local.output.text, "typed text");
  });

  it("tells when the guest has all of the input, in place of its end", async () => {
    const hasAll = Promise.withResolvers<void>();
    const text = randomBytes(MEBIBYTE);
    const local = streams({ input: Readable.from([text]), onInputEnd: () => hasAll.resolve() });
    const carried = carryToEnd(guest, new Attachment(local), () => {});
    const read: Buffer[] = [];
    fake.process.stdin.on("data", (chunk: Buffer) => read.push(chunk));
    fake.process.stdin.once("end", () => assert.fail("its end was passed on"));
    await hasAll.promise;
    while (Buffer.concat(read).length < text.length) await new Promise(setImmediate);
    assert.deepEqual(Buffer.concat(read), text);
    fake.process.stdin.removeAllListeners("end");
    fake.process.exit({ code: 0 });
    await carried;
  });

  it("carries an input that is empty", async () => {
    const local = streams({ input: Readable.from([]) });
    const echoed = echo();
    await carryToEnd(guest, new Attachment(local), () => {});
    await echoed;
    assert.equal(local.output.text, "");
  });

  it("leaves the process's input open while the user has not ended it", async () => {
    const input = new PassThrough();
    const local = streams({ input });
    const carrying = carryToEnd(guest, new Attachment(local), () => {});
    let hasEnded = false;
    fake.process.stdin.once("end", () => {
      hasEnded = true;
    });
    input.write("one");
    const [chunk] = await new Promise<[Buffer]>((resolve) =>
      fake.process.stdin.once("data", (data: Buffer) => resolve([data])),
    );
    assert.equal(chunk.toString(), "one");
    assert.equal(hasEnded, false);
    fake.process.exit();
    await carrying;
  });

  it("loses and repeats nothing of 5 MiB each way when the link is cut 20 times", async () => {
    const content = randomBytes(5 * MEBIBYTE);
    const cutEvery = content.length / 21;
    let socket: Socket | undefined;
    let cuts = 0;
    const output = new Collector((length) => {
      if (length < cutEvery * (cuts + 1) || cuts === 20) return;
      cuts += 1;
      // Now from one side, now from the other.
      if (cuts % 2 === 0) socket?.destroy();
      else guest.links.at(-1)?.destroy();
    });
    const local = streams({ input: Readable.from(chunksOf(content, 10_000)), output });
    const echoed = echo();
    const connections = await carryToEnd(guest, new Attachment(local), (fresh) => {
      socket = fresh;
    });
    await echoed;
    assert.equal(cuts, 20);
    assert.ok(connections > 10, `${connections} connections`);
    assert.equal(output.length, content.length);
    assert.ok(output.bytes.equals(content));
  }).timeout(20_000);

  it("loses no input that the guest had received but not taken over when the link was cut", async () => {
    const content = randomBytes(6 * MEBIBYTE);
    let given = 0;
    let socket: Socket | undefined;
    let isCut = false;
    const input = Readable.from(
      (function* () {
        for (const chunk of chunksOf(content, 50_000)) {
          given += chunk.length;
          // The process reads nothing yet: what was given is in pipes, buffers and the link.
          if (given > 4.2 * MEBIBYTE && !isCut) {
            isCut = true;
            setImmediate(() => socket?.destroy());
          }
          yield chunk;
        }
      })(),
    );
    const local = streams({ input });
    const carrying = carryToEnd(guest, new Attachment(local), (fresh) => {
      socket = fresh;
      if (isCut) void echo();
    });
    await carrying;
    assert.ok(isCut);
    assert.equal(local.output.length, content.length);
    assert.ok(local.output.bytes.equals(content));
  }).timeout(10_000);

  it("tells the guest of the end of input anew when the link was cut behind it", async () => {
    let socket: Socket | undefined;
    const input = new PassThrough();
    const local = streams({
      input,
      output: new Collector(() => {
        input.end();
        socket?.destroy();
      }),
    });
    const echoed = echo();
    input.write("text");
    const connections = await carryToEnd(guest, new Attachment(local), (fresh) => {
      socket = fresh;
    });
    await echoed;
    assert.equal(connections, 2);
    assert.equal(local.output.text, "text");
  });

  it("holds the process back while the user's end does not take its output", async () => {
    let waiting: (() => void) | undefined;
    let isReleased = false;
    let received = 0;
    const output = new Writable({
      highWaterMark: 1024,
      write: (chunk: Buffer, _encoding, done) => {
        received += chunk.length;
        if (isReleased) done();
        else waiting = done;
      },
    });
    const total = 16 * MEBIBYTE;
    let written = 0;
    const writing = pipeline(
      Readable.from(
        (function* () {
          for (; written < total; written += 65_536) yield Buffer.alloc(65_536);
        })(),
        { objectMode: false },
      ),
      fake.process.stdout,
    );
    const carrying = carryToEnd(guest, new Attachment(streams({ output })), () => {});
    // Everything on the way has its bound; when no more is written for many turns, all of it is full.
    for (let before = -1, quiet = 0; quiet < 300; before = written) {
      await new Promise(setImmediate);
      quiet = written === before && received > 0 ? quiet + 1 : 0;
    }
    assert.ok(written < 10 * MEBIBYTE, `${written} bytes were written`);
    isReleased = true;
    waiting?.();
    await writing;
    fake.process.exit();
    await carrying;
    assert.equal(received, total);
  }).timeout(10_000);

  it("that comes back when its next byte is gone ends with how much it has missed", async () => {
    await end();
    // Else the output is held for a client that does not come.
    await begin({ holdOutput: false });
    const total = 9 * MEBIBYTE;
    const hasAll = Promise.withResolvers<void>();
    const output = new Collector((length) => {
      // Once it is there, the rest.
      if (length === 1) fake.process.stdout.write(Buffer.alloc(total - 1));
      if (length === total) hasAll.resolve();
    });
    const carried = carryToEnd(guest, new Attachment(streams({ output }), "", "follow"), () => {});
    fake.process.stdout.write(Buffer.alloc(1));
    await hasAll.promise;
    const late = new Attachment(streams(), "", "follow");
    late.skip(1000, 0);
    const connection = await GuestConnection.open(
      await guest.connect(),
      guest.keys,
      () => {},
      new AbortController().signal,
    );
    await assert.rejects(late.carry(connection, 0), {
      code: "client-too-slow",
      message: `this client was too slow: ${total - 1000} bytes of standard output were left out`,
    });
    connection.close();
    fake.process.exit();
    await carried;
  });

  it("is broken, not drained, when the link ends before the exit has come", async () => {
    const connection = await guest.open();
    const local = streams();
    const carrying = new Attachment(local).carry(connection, 0);
    fake.process.stdout.write("before");
    while (local.output.length === 0) await new Promise(setImmediate);
    guest.links.at(-1)?.destroy();
    assert.equal(await carrying, "broken");
    assert.equal(local.output.text, "before");
  });
});

describe("an attachment with a terminal", () => {
  const start = useNativeSessions();

  it("sizes the process's terminal at the start and when the user's changes", async () => {
    const native = start({
      args: shell("trap 'stty size; exit 6' WINCH; stty size; while :; do sleep 0.01; done"),
      tty: true,
      window: { columns: 90, rows: 30 },
    });
    await native.started;
    await using guest = new ServedGuest(native.session);
    void native.outcome.then((outcome) => guest.exited(outcome as Exit));
    let size = { columns: 90, rows: 30 };
    const listeners = new Set<() => void>();
    const output = new Collector((length) => {
      if (length < "30 90\r\n".length || size.rows === 31) return;
      size = { columns: 91, rows: 31 };
      for (const listener of listeners) listener();
    });
    const attachment = new Attachment({
      input: undefined,
      output,
      errorOutput: new Collector(),
      terminal: {
        size: () => size,
        onResize: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    });
    await carryToEnd(guest, attachment, () => {});
    assert.equal(output.text, "30 90\r\n31 91\r\n");
    assert.equal(listeners.size, 0);
  });

  it("tells of a size that changed before its channel was open, when nobody heard of it", async () => {
    const native = start({
      args: shell("trap 'stty size; exit 6' WINCH; while :; do sleep 0.01; done"),
      tty: true,
      window: { columns: 90, rows: 30 },
    });
    await native.started;
    await using guest = new ServedGuest(native.session);
    void native.outcome.then((outcome) => guest.exited(outcome as Exit));
    const sizes = [{ columns: 90, rows: 30 }];
    const output = new Collector();
    const attachment = new Attachment({
      input: undefined,
      output,
      errorOutput: new Collector(),
      terminal: {
        // The first is asked for the channel's request.
        size: () => sizes.pop() ?? { columns: 91, rows: 31 },
        onResize: () => () => {},
      },
    });
    await carryToEnd(guest, attachment, () => {});
    assert.equal(output.text, "31 91\r\n");
  });
});

function* chunksOf(content: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}
