import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import ssh2, { type Server as SshServer, type ServerChannel } from "ssh2";
import type { Event } from "../../../../src/protocol/control-messages.ts";
import { GuestConnection, type LinkKeys, makeLinkKeys } from "../../../../src/portlayer/interaction/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { ServedGuest } from "../../../support/served-guest.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("a connection to a guest", () => {
  let guest: ServedGuest;
  beforeEach(() => {
    guest = new ServedGuest(undefined);
  });
  afterEach(() => guest[Symbol.asyncDispose]());

  it("has the guest's state, and every event after it", async () => {
    guest.events.record({ started: { pid: 7 } }, "");
    const events: Event[] = [];
    const connection = await guest.open((event) => events.push(event));
    const snapshot = await connection.snapshot();
    assert.equal(snapshot.agentVersion, "test");
    assert.deepEqual(
      snapshot.events?.map(({ sequence }) => sequence),
      [1],
    );
    guest.events.record({ exited: { code: 3, signal: 0, coreDumped: false } }, "");
    await connection.snapshot();
    assert.deepEqual(
      events.map(({ exited }) => exited?.code),
      [3],
    );
  });

  it("carries requests out, and gives the guest's error for one that fails", async () => {
    const connection = await guest.open();
    await Promise.all([
      connection.request({ acknowledgeExit: {} }),
      connection.request({ signalSession: { signal: 15 } }),
    ]);
    assert.deepEqual(guest.asked, ["acknowledge", "signal 15 false"]);
    await assert.rejects(
      connection.request({ signalSession: { signal: 99 } }),
      catalogueError("invalid-option", /99/),
    );
    await assert.rejects(connection.request({}), catalogueError("link-protocol"));
  });

  it("is not made with a guest that has another key", async () => {
    const keys: LinkKeys = { ...guest.keys, hostPublicKey: makeLinkKeys().hostPublicKey };
    await assert.rejects(
      guest.open(undefined, keys),
      catalogueError("link-protocol", /^the guest's host key is not the one/),
    );
  });

  it("is not made with a key that the guest does not know", async () => {
    const keys: LinkKeys = { ...guest.keys, clientPrivateKey: makeLinkKeys().clientPrivateKey };
    await assert.rejects(guest.open(undefined, keys));
  });

  it("fails what is open and what comes later when the link breaks", async () => {
    const connection = await guest.open();
    const open = connection.snapshot();
    guest.links[0]?.destroy();
    await assert.rejects(open, catalogueError("guest-lost", /^the link to the container VM broke$/));
    await connection.closed;
    await assert.rejects(connection.snapshot(), catalogueError("guest-lost"));
  });

  it("is over once it is closed", async () => {
    const connection = await guest.open();
    connection.close();
    connection.close();
    await connection.closed;
    await assert.rejects(connection.execute("attach", undefined));
  });
});

describe("a connection to a guest that is hostile", () => {
  const folder = useTemporaryFolder();
  const keys = makeLinkKeys();
  const cleanUp: Array<() => unknown> = [];
  afterEach(async () => {
    for (const each of cleanUp.splice(0)) await each();
  });

  /** A guest whose control channel does as the test says; without it, channels are never answered. */
  const hostile = async (control: ((channel: ServerChannel) => void) | undefined): Promise<string> => {
    const path = join(folder.path, "link.sock");
    const ssh: SshServer = new ssh2.Server({ hostKeys: [keys.hostPrivateKey] }, (connection) => {
      connection.on("error", () => {});
      connection.on("authentication", (context) => context.accept());
      connection.on("session", (accept) => {
        if (control === undefined) return;
        accept().on("subsystem", (take) => control(take()));
      });
    });
    const server = createServer((socket) => {
      cleanUp.push(() => socket.destroy());
      ssh.injectSocket(socket);
    }).listen(path);
    await once(server, "listening");
    cleanUp.push(() => server.close());
    return path;
  };
  const open = async (path: string, signal = new AbortController().signal): Promise<GuestConnection> => {
    const connection = await GuestConnection.open(createConnection(path), keys, () => {}, signal);
    cleanUp.push(() => connection.close());
    return connection;
  };

  for (const [what, bytes] of [
    ["garbage", Buffer.alloc(100, 0xff)],
    ["a message larger than any", Buffer.from([0x81, 0x80, 0x80, 0x01])],
    ["a message that is none", Buffer.from([2, 0x0f, 0x0f])],
  ] as const) {
    it(`ends when the guest sends ${what}`, async () => {
      const connection = await open(await hostile((channel) => channel.write(bytes)));
      await assert.rejects(connection.snapshot(), catalogueError("guest-lost"));
      await connection.closed;
    });
  }

  it("takes no notice of answers that nobody asked for", async () => {
    const { encodeMessage } = await import("../../../../src/protocol/control-messages.ts");
    const connection = await open(
      await hostile((channel) => {
        channel.write(
          Buffer.concat(
            [0, 99, 1].map((id) => encodeMessage({ reply: { id, snapshot: { agentVersion: String(id) } } })),
          ),
        );
        channel.once("data", () =>
          channel.write(encodeMessage({ reply: { id: 1, snapshot: { agentVersion: "asked" } } })),
        );
      }),
    );
    assert.match((await connection.snapshot()).agentVersion ?? "", /^(1|asked)$/);
  });

  it("is given up when it is told to stop, wherever the guest is stuck", async () => {
    const silent = join(folder.path, "silent.sock");
    const server = createServer((socket) => void cleanUp.push(() => socket.destroy())).listen(silent);
    cleanUp.push(() => server.close());
    await once(server, "listening");
    for (const path of [silent, await hostile(undefined)]) {
      const abort = new AbortController();
      const opening = open(path, abort.signal);
      setImmediate(() => setImmediate(() => abort.abort()));
      await assert.rejects(opening);
    }
  });
});
