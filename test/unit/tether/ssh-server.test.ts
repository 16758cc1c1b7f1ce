import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import { decodeMessage, encodeRequest, type Message } from "../../../src/protocol/control-messages.ts";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import { makeLinkKeys } from "../../../src/portlayer/interaction/index.ts";
import { SshServer } from "../../../src/tether/ssh-server.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { type FakeSession, startFakeSession } from "../../support/fake-process.ts";
import { ServedGuest } from "../../support/served-guest.ts";

type Refusal = Error & { level?: string };

/** An ordinary SSH client, which does as it is told. */
async function dial(guest: ServedGuest, options: ConnectConfig): Promise<Client> {
  const client = new Client();
  client.on("error", () => {});
  client.connect({
    sock: connectSocket(guest.path),
    username: "tether",
    hostVerifier: () => true,
    ...options,
  });
  try {
    await once(client, "ready");
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}

const open = (
  start: (done: (error: Error | undefined, channel: ClientChannel) => void) => void,
): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    start((error, channel) => (error === undefined ? resolve(channel) : reject(error)));
  });

/** The messages of a control channel, from the first on. */
class ControlReader {
  readonly #messages: Message[] = [];
  #notify: () => void = () => {};

  constructor(channel: ClientChannel) {
    const decoder = new DelimitedDecoder();
    channel.on("data", (chunk: Buffer) => {
      for (const bytes of decoder.push(chunk)) this.#messages.push(decodeMessage(bytes));
      this.#notify();
    });
  }

  async take(count: number): Promise<Message[]> {
    while (this.#messages.length < count) {
      const changed = Promise.withResolvers<void>();
      this.#notify = changed.resolve;
      await changed.promise;
    }
    return this.#messages.splice(0, count);
  }
}

describe("the agent's SSH server", () => {
  let fake: FakeSession;
  let guest: ServedGuest;
  const clients: Client[] = [];
  beforeEach(async () => {
    fake = await startFakeSession({ openStdin: true });
    guest = new ServedGuest(fake.session);
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    fake.process.exit();
    await guest[Symbol.asyncDispose]();
  });
  const endpoint = async (): Promise<Client> => {
    const client = await dial(guest, { privateKey: guest.keys.clientPrivateKey });
    clients.push(client);
    return client;
  };

  it("lets the endpoint in that has its key, and counts the clients that output is kept for", async () => {
    const [first, second] = [await endpoint(), await endpoint()];
    assert.deepEqual(guest.holderCounts, [], "who only talks is not waited for");
    const attach = (client: Client, command: string): Promise<ClientChannel> =>
      new Promise((resolve, reject) =>
        client.exec(command, (error, channel) =>
          error === undefined ? resolve(channel.resume()) : reject(error),
        ),
      );
    const channel = await attach(first, "attach 0 0 hold");
    await attach(second, "attach 0 0");
    await attach(second, "attach 0 0 hold");
    assert.deepEqual(guest.holderCounts, [1, 2, 3]);
    channel.close();
    await once(channel, "close");
    second.end();
    await once(second, "close");
    const link = guest.links[1];
    if (link?.closed === false) await once(link, "close");
    await new Promise(setImmediate);
    assert.deepEqual(guest.holderCounts, [1, 2, 3, 2, 1]);
    // One that followed and has lost its link may come back for a while.
    while (guest.holderCounts.at(-1) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }).timeout(10_000);

  const refused: Readonly<Record<string, () => ConnectConfig>> = {
    "another key": () => ({ privateKey: makeLinkKeys().clientPrivateKey }),
    "its own host key": () => ({ privateKey: guest.keys.hostPrivateKey }),
    "a password": () => ({ password: "tether" }),
    "an empty password": () => ({ password: "" }),
    "nothing to show": () => ({}),
  };
  for (const [what, options] of Object.entries(refused)) {
    it(`refuses a client with ${what}`, async () => {
      await assert.rejects(
        dial(guest, options()),
        (error: Refusal) => error.level === "client-authentication",
      );
    });
  }

  it("has no users of a container that could not be made", async () => {
    const client = new Client();
    client.on("error", () => {});
    client.connect({
      sock: connectSocket(guest.path),
      username: "root",
      hostVerifier: () => true,
      privateKey: guest.keys.clientPrivateKey,
    });
    await once(client, "close");
  });

  it("refuses algorithms that are not ours", async () => {
    const options: ConnectConfig = {
      privateKey: guest.keys.clientPrivateKey,
      algorithms: { cipher: ["aes128-ctr"] },
    };
    await assert.rejects(dial(guest, options), /no matching/);
  });

  it("survives a peer that does not speak SSH, and one that vanishes", async () => {
    const garbage = await guest.connect();
    garbage.on("error", () => {});
    garbage.end("GET / HTTP/1.1\r\n\r\n".repeat(100));
    garbage.resume();
    await once(garbage, "close");
    (await guest.connect()).destroy();
    assert.ok(await endpoint());
  });

  it("answers a request on the control channel, and sends events between answers", async () => {
    const client = await endpoint();
    const control = await open((done) => client.subsys("control", done));
    const reader = new ControlReader(control);
    control.write(encodeRequest({ id: 7, getSnapshot: {} }));
    const [snapshot] = await reader.take(1);
    assert.equal(snapshot?.reply?.id, 7);
    assert.equal(snapshot?.reply?.snapshot?.agentVersion, "test");
    guest.events.record({ started: { pid: 12 } }, "");
    const [event] = await reader.take(1);
    assert.equal(event?.event?.started?.pid, 12);
    assert.equal(event?.event?.sequence, 1);
  });

  it("carries requests out, and answers one that fails with its error", async () => {
    const client = await endpoint();
    const control = await open((done) => client.subsys("control", done));
    const reader = new ControlReader(control);
    control.write(
      Buffer.concat([
        encodeRequest({ id: 1, acknowledgeExit: {} }),
        encodeRequest({ id: 2, powerOff: {} }),
        encodeRequest({ id: 3, signalSession: { signal: 15, group: true } }),
        encodeRequest({ id: 4, signalSession: { signal: 65 } }),
        encodeRequest({ id: 5 }),
      ]),
    );
    const replies = (await reader.take(5)).map(({ reply }) => [reply?.id, reply?.error?.code ?? ""]);
    assert.deepEqual(replies, [
      [1, ""],
      [2, ""],
      [3, ""],
      [4, "invalid-option"],
      [5, "link-protocol"],
    ]);
    assert.deepEqual(guest.asked, ["acknowledge", "power off", "signal 15 true"]);
  });

  it("ends a control channel on which garbage comes, and no other channel", async () => {
    const client = await endpoint();
    const [bad, good] = [
      await open((done) => client.subsys("control", done)),
      await open((done) => client.subsys("control", done)),
    ];
    const attached = await open((done) => client.exec("attach", done));
    const reader = new ControlReader(good);
    bad.resume();
    bad.write(Buffer.alloc(64, 0xff));
    await once(bad, "end");
    good.write(encodeRequest({ id: 9, getSnapshot: {} }));
    assert.equal((await reader.take(1))[0]?.reply?.id, 9);
    const output = once(attached, "data");
    fake.process.stdout.write("still there");
    const [chunk] = (await output) as [Buffer];
    assert.equal(chunk.toString(), "still there");
  });

  it("ends a control channel when the endpoint does", async () => {
    const client = await endpoint();
    const control = await open((done) => client.subsys("control", done));
    control.resume();
    control.end();
    await once(control, "close");
    guest.events.record({ started: { pid: 1 } }, "");
  });

  it("rejects what it does not serve: shells, other commands, other subsystems, forwarding", async () => {
    const client = await endpoint();
    await assert.rejects(open((done) => client.shell(done)));
    for (const command of ["", "sh", "attach now", "attach 1", "attach -1 0", "attached", "attach 1 2 3"]) {
      await assert.rejects(
        open((done) => client.exec(command, done)),
        /Unable to exec/,
        command,
      );
    }
    for (const subsystem of ["sftp", "controls", ""]) {
      await assert.rejects(
        open((done) => client.subsys(subsystem, done)),
        /subsystem/,
        subsystem,
      );
    }
    await assert.rejects(open((done) => client.forwardOut("127.0.0.1", 1, "127.0.0.1", 22, done)));
  });

  it("rejects an attachment when the container has no process", async () => {
    await using empty = new ServedGuest(undefined);
    const client = await dial(empty, { privateKey: empty.keys.clientPrivateKey });
    clients.push(client);
    await assert.rejects(
      open((done) => client.exec("attach", done)),
      /Unable to exec/,
    );
  });

  it("sends output, error output and exit code behind the last byte, and then closes", async () => {
    const client = await endpoint();
    const channel = await open((done) => client.exec("attach", done));
    const [output, errorOutput]: [Buffer[], Buffer[]] = [[], []];
    channel.on("data", (chunk: Buffer) => output.push(chunk));
    channel.stderr.on("data", (chunk: Buffer) => errorOutput.push(chunk));
    fake.process.stdout.write(Buffer.alloc(300_000, 0x61));
    fake.process.stderr.write("complaint");
    fake.process.exit({ code: 42 });
    const exited = once(channel, "exit");
    await once(channel, "close");
    assert.deepEqual((await exited)[0], 42);
    assert.equal(Buffer.concat(output).length, 300_000);
    assert.equal(Buffer.concat(errorOutput).toString(), "complaint");
  });

  it("names the signal that ended the process", async () => {
    const client = await endpoint();
    const channel = await open((done) => client.exec("attach", done));
    channel.resume();
    channel.stderr.resume();
    const exited = once(channel, "exit");
    fake.process.exit({ signal: 9, coreDumped: true });
    const [code, signal, dumped] = (await exited) as [number | null, string, boolean];
    assert.deepEqual([code, signal, dumped], [null, "SIGKILL", true]);
  });

  it("refuses to start with keys that are none", () => {
    const agent = {
      control: {} as never,
      sessions: undefined,
      services: undefined,
      holders: { add: () => () => {} },
    };
    const { hostPrivateKey: hostKey } = makeLinkKeys();
    assert.throws(
      () => new SshServer({ hostKey, clientPublicKey: "no key" }, agent),
      catalogueError("guest-initialisation", /^the client's public key: /),
    );
  });
});
