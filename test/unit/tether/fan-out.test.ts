import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Client, type ClientChannel } from "ssh2";
import { execId, type NativeContainer, useNativeContainers } from "../../support/native-container.ts";
import { shell } from "../../support/native-session.ts";
import { ServedGuest } from "../../support/served-guest.ts";

const MEBIBYTE = 1024 * 1024;

/** One client's channel, with what it got. */
interface Attached {
  readonly client: Client;
  readonly channel: ClientChannel;
  readonly chunks: Buffer[];
  readonly bytes: () => Buffer;
  readonly until: (condition: (text: string) => boolean) => Promise<void>;
  /** Resolves with `exit`'s arguments. */
  readonly exit: Promise<readonly unknown[]>;
  readonly closed: Promise<unknown>;
}

describe("many clients of one session", () => {
  const make = useNativeContainers();
  let guest: ServedGuest;
  const clients: Client[] = [];

  const serve = (container: NativeContainer): NativeContainer => {
    guest = new ServedGuest(container);
    return container;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await guest[Symbol.asyncDispose]();
  });

  const dial = async (): Promise<Client> => {
    const client = new Client();
    client.on("error", () => {});
    const { clientPrivateKey: privateKey } = guest.keys;
    client.connect({ sock: connect(guest.path), username: "tether", privateKey, hostVerifier: () => true });
    clients.push(client);
    await once(client, "ready");
    return client;
  };
  const attach = async (
    command = "attach",
    { reads = true, client }: { reads?: boolean; client?: Client } = {},
  ): Promise<Attached> => {
    const own = client ?? (await dial());
    const { channel, exit } = await new Promise<Pick<Attached, "channel" | "exit">>((resolve, reject) => {
      own.exec(command, (error, opened) => {
        if (error !== undefined) reject(error);
        // At once: the exit may be in the same packet of the link.
        else resolve({ channel: opened, exit: once(opened, "exit") });
      });
    });
    const chunks: Buffer[] = [];
    const closed = once(channel, "close");
    // A channel's own `closed` stays false when its client went with bytes that nobody has read.
    let isOver = false;
    for (const end of [channel, own]) end.once("close", () => (isOver = true));
    if (reads) channel.on("data", (chunk: Buffer) => void chunks.push(chunk));
    channel.stderr.resume();
    const bytes = (): Buffer => Buffer.concat(chunks);
    const until = async (condition: (text: string) => boolean): Promise<void> => {
      while (!condition(bytes().toString())) {
        if (isOver) throw new Error("the channel has closed before");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    return { client: own, channel, chunks, bytes, until, exit, closed };
  };

  it("gives all of them everything, on links of their own and on one, and the exit behind it", async () => {
    serve(
      make({
        main: { args: shell("read line; seq 1 50000; exit 7"), openStdin: true, startAfterAttach: true },
      }),
    );
    const shared = await dial();
    const all = [
      await attach("attach hold"),
      await attach(),
      await attach("attach", { client: shared }),
      await attach("attach", { client: shared }),
    ];
    all[1]?.channel.write("go\n");
    const expected = Array.from({ length: 50_000 }, (_, index) => `${index + 1}\n`).join("");
    for (const { bytes, exit, closed } of all) {
      assert.deepEqual((await exit)[0], 7);
      await closed;
      assert.ok(bytes().toString() === expected);
    }
  }).timeout(20_000);

  it("takes input from each of them, and a line at a time never mixes", async () => {
    serve(make({ main: { args: shell("cat"), openStdin: true, stdinOnce: false } }));
    const all = [await attach(), await attach(), await attach()];
    for (let line = 0; line < 100; line++)
      for (const [index, { channel }] of all.entries()) channel.write(`client ${index} line ${line}\n`);
    for (const { until } of all) await until((text) => text.split("\n").length === 301);
    const lines = all[0]?.bytes().toString().trim().split("\n") ?? [];
    for (const index of all.keys()) {
      assert.deepEqual(
        lines.filter((line) => line.startsWith(`client ${index} `)),
        Array.from({ length: 100 }, (_, line) => `client ${index} line ${line}`),
      );
    }
  });

  it("ends the input with a client's only as Docker's StdinOnce has it", async () => {
    const open = serve(make({ main: { args: shell("cat; echo end"), openStdin: true, stdinOnce: false } }));
    const [one, two] = [await attach(), await attach()];
    one.channel.end("one\n");
    await two.until((text) => text === "one\n");
    two.channel.write("two\n");
    await two.until((text) => text === "one\ntwo\n");
    assert.equal(open.sessions.find("").session.state.phase, "running");
    await guest[Symbol.asyncDispose]();

    serve(make({ main: { args: shell("cat; echo end; exit 3"), openStdin: true, stdinOnce: true } }));
    const first = await attach();
    const second = await attach();
    first.channel.end("last\n");
    assert.equal((await second.exit)[0], 3);
    await second.closed;
    assert.equal(second.bytes().toString(), "last\nend\n");
  });

  it("cuts one off that has stopped, tells it how much it missed, and delays the others by a second at most", async () => {
    const { sessions } = serve(
      make({ main: { args: shell("read line; head -c 30000000 /dev/zero; exit 0"), openStdin: true } }),
    );
    const stopped = await attach("attach", { reads: false });
    const reading = await attach("attach hold");
    const begin = performance.now();
    reading.channel.write("go\n");
    await reading.closed;
    const tookMs = performance.now() - begin;
    assert.equal(reading.bytes().length, 30_000_000);
    assert.ok(tookMs < 4000, `${tookMs} ms`);
    // It is told as soon as it takes something again.
    stopped.channel.on("data", (chunk: Buffer) => void stopped.chunks.push(chunk));
    const [code, signal, , description] = await stopped.exit;
    assert.deepEqual([code, signal], [null, "SIGCUTOFF@tether"]);
    const [, missed] =
      /^this client was too slow: (\d+) bytes of standard output were left out$/.exec(String(description)) ??
      [];
    assert.ok(Number(missed) > 4 * MEBIBYTE && Number(missed) < 30_000_000, String(description));
    assert.equal(sessions.find("").session.outputBytes.output, 30_000_000);
    await stopped.closed;
  }).timeout(20_000);

  it("tells one that comes back when its next byte is gone how much it has missed", async () => {
    const { sessions } = serve(
      make({ main: { args: shell("read line; head -c 9000000 /dev/zero; sleep 1000"), openStdin: true } }),
    );
    const other = await attach("attach hold");
    other.channel.write("go\n");
    while (other.bytes().length < 9_000_000) await once(other.channel, "data");
    const late = await attach("attach 1000 0");
    const [code, signal, , description] = await late.exit;
    assert.deepEqual([code, signal], [null, "SIGCUTOFF@tether"]);
    assert.equal(description, "this client was too slow: 8999000 bytes of standard output were left out");
    await late.closed;
    assert.equal(late.bytes().length, 0);
    const inTime = await attach("attach 8999999 0");
    await inTime.until((text) => text === "\0");
    assert.equal(sessions.find("").session.state.phase, "running");
  }).timeout(10_000);

  it("waits for the only one, if it holds the process, and loses nothing", async () => {
    const { sessions } = serve(
      make({ main: { args: shell("head -c 9000000 /dev/zero; exit 5"), startAfterAttach: true } }),
    );
    const stopped = await attach("attach hold", { reads: false });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { session } = sessions.find("");
    assert.equal(session.state.phase, "running");
    assert.ok(session.outputBytes.output < 6 * MEBIBYTE);
    stopped.channel.on("data", (chunk: Buffer) => void stopped.chunks.push(chunk));
    assert.equal((await stopped.exit)[0], 5);
    await stopped.closed;
    assert.equal(stopped.bytes().length, 9_000_000);
  }).timeout(10_000);

  it("gives one that comes late what is still kept, from where it asks", async () => {
    const { sessions } = serve(
      make({ main: { args: shell("printf 0123456789; read line"), openStdin: true } }),
    );
    const { session } = sessions.find("");
    while (session.outputBytes.output < 10) await new Promise((resolve) => setTimeout(resolve, 5));
    const [whole, part, future] = [await attach(), await attach("attach 7 0"), await attach("attach 999 0")];
    whole.channel.end("\n");
    for (const { closed } of [whole, part, future]) await closed;
    assert.deepEqual(
      [whole, part, future].map(({ bytes }) => bytes().toString()),
      ["0123456789", "789", ""],
    );
  });

  it("leaves the process running when they detach, also one whose input it does not read", async () => {
    const { sessions } = serve(
      make({ main: { args: shell("sleep 0.7; head -c 9000000 /dev/zero; sleep 1000"), openStdin: true } }),
    );
    const holding = await attach("attach hold");
    // More than a pipe and the channel take: the guest has paused the channel.
    holding.channel.write(Buffer.alloc(1024 * 1024));
    await new Promise((resolve) => setTimeout(resolve, 200));
    holding.channel.close();
    const { session } = sessions.find("");
    while (session.outputBytes.output < 9_000_000) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(session.state.phase, "running");
    const next = await attach();
    next.channel.close();
    await next.closed;
    assert.equal(session.state.phase, "running");
  }).timeout(10_000);

  it("keeps the bytes of one whose link broke, and goes on where it was", async () => {
    serve(make({ main: { args: shell("seq 1 400000; exit 6"), startAfterAttach: true } }));
    const expected = Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join("");
    let received = Buffer.alloc(0);
    let exit: readonly unknown[] | undefined;
    for (let turn = 0; exit === undefined; turn++) {
      const attached = await attach(`attach ${received.length} 0 hold`);
      const over = await Promise.race([
        attached.exit,
        attached.until((text) => text.length > 400_000 && turn < 4).then(() => undefined),
      ]);
      if (over === undefined) attached.client.destroy();
      else await attached.closed;
      exit = over;
      received = Buffer.concat([received, attached.bytes()]);
    }
    assert.equal(exit[0], 6);
    assert.equal(received.length, expected.length);
    assert.ok(received.toString() === expected);
  }).timeout(20_000);

  it("names each of Linux's signals that ended a process, also those that SSH has no name for", async () => {
    const names: ReadonlyArray<readonly [number, string]> = [
      [7, "SIGBUS"],
      [31, "SIGSYS"],
      [5, "SIGTRAP"],
      [34, "SIG34"],
      [64, "SIG64"],
      [9, "SIGKILL"],
    ];
    const container = serve(make());
    await container.event(({ started }) => Boolean(started));
    for (const [number, name] of names) {
      const id = execId();
      container.exec({ args: shell(`ulimit -c 0; kill -${number} $$`), startAfterAttach: true }, id);
      const { exit, closed } = await attach(`attach ${id}`);
      assert.deepEqual((await exit).slice(0, 2), [null, name]);
      await closed;
    }
  });

  it("has its terminal's size before the process that starts with the client looks", async () => {
    const container = serve(make());
    await container.event(({ started }) => Boolean(started));
    const id = execId();
    container.exec({ args: shell("stty size"), tty: true, startAfterAttach: true }, id);
    const client = await dial();
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.exec(`attach ${id}`, { pty: { cols: 123, rows: 45 } }, (error, opened) =>
        error === undefined ? resolve(opened) : reject(error),
      );
    });
    const [chunk] = (await once(channel, "data")) as [Buffer];
    assert.equal(chunk.toString(), "45 123\r\n");
  });

  it("tells a client of an exec that cannot start why, with the status that a shell would give", async () => {
    const container = serve(make());
    await container.event(({ started }) => Boolean(started));
    for (const [command, status, message] of [
      ["nosuchcommand", 127, /not found in \$PATH/],
      ["/etc/passwd", 126, /permission denied/],
    ] as const) {
      const id = execId();
      container.exec({ args: [Buffer.from(command)], startAfterAttach: true }, id);
      const attached = await attach(`attach ${id}`);
      const complaint = once(attached.channel.stderr, "data");
      assert.equal((await attached.exit)[0], status);
      assert.match(String((await complaint)[0]), message);
    }
  });
});
