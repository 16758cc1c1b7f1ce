import assert from "node:assert/strict";
import { once } from "node:events";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { join } from "node:path";
import fc from "fast-check";
import { QmpClient, type QmpEvent } from "../../../../src/hypervisor/qemu/qmp-client.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const GREETING = `${JSON.stringify({ QMP: { version: {}, capabilities: [] } })}\r\n`;

describe("QEMU's machine protocol", () => {
  const folder = useTemporaryFolder();
  let server: Server;
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server.close();
  });

  /** A client, and QEMU's end of its connection. */
  const connect = async (): Promise<{ client: QmpClient; qemu: Socket; events: QmpEvent[] }> => {
    server = createServer().listen(join(folder.path, "qmp.sock"));
    const accepted = once(server, "connection");
    const socket = createConnection(join(folder.path, "qmp.sock"));
    const [qemu] = (await accepted) as [Socket];
    qemu.on("error", () => {});
    sockets.push(socket, qemu);
    const client = new QmpClient(socket);
    const events: QmpEvent[] = [];
    client.onEvent = (event) => events.push(event);
    return { client, qemu, events };
  };
  const send = (qemu: Socket, ...messages: unknown[]): void =>
    void qemu.write(messages.map((message) => `${JSON.stringify(message)}\r\n`).join(""));

  it("gives each command its answer, in order, with events between them", async () => {
    const { client, qemu, events } = await connect();
    qemu.write(GREETING);
    const lines = createInterface(qemu)[Symbol.asyncIterator]();
    const [one, two] = [client.execute("query-status"), client.execute("stop", { force: true })];
    assert.deepEqual(JSON.parse(String((await lines.next()).value)), {
      execute: "query-status",
      arguments: {},
    });
    assert.deepEqual(JSON.parse(String((await lines.next()).value)), {
      execute: "stop",
      arguments: { force: true },
    });
    send(
      qemu,
      { event: "RESUME", timestamp: {} },
      { return: { running: true } },
      { event: "SHUTDOWN", data: { guest: true, reason: "guest-shutdown" } },
      { return: {} },
    );
    assert.deepEqual(await one, { running: true });
    assert.deepEqual(await two, {});
    assert.deepEqual(
      events.map(({ event, data }) => [event, data]),
      [
        ["RESUME", undefined],
        ["SHUTDOWN", { guest: true, reason: "guest-shutdown" }],
      ],
    );
  });

  it("lets whoever waited for an answer listen to the events that came with it", async () => {
    const { client, qemu, events } = await connect();
    const answer = client.execute("cont");
    const late: string[] = [];
    // All in one piece, as QEMU may write it.
    send(qemu, { event: "EARLY" }, { return: {} }, { event: "RESUME" }, { event: "SHUTDOWN" });
    await answer;
    client.onEvent = ({ event }) => late.push(event);
    qemu.end();
    await client.closed;
    assert.deepEqual([events.map(({ event }) => event), late], [["EARLY"], ["RESUME", "SHUTDOWN"]]);
  });

  it("gives a refused command its reason, and the next one its own answer", async () => {
    const { client, qemu } = await connect();
    const [one, two] = [client.execute("nonsense"), client.execute("query-name")];
    const refused = assert.rejects(
      one,
      catalogueError("hypervisor-failed", /^QEMU: The command is unknown$/),
    );
    send(
      qemu,
      { error: { class: "CommandNotFound", desc: "The command is unknown" } },
      { return: { name: "x" } },
    );
    await refused;
    assert.deepEqual(await two, { name: "x" });
  });

  it("reads the same however its lines are cut", async () => {
    const text = `${GREETING}${JSON.stringify({ event: "Ä" })}\r\n${JSON.stringify({ return: "ö".repeat(50) })}\r\n`;
    for (const size of [1, 2, 3, 7, 50]) {
      const { client, qemu, events } = await connect();
      const answer = client.execute("x");
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; at += size) {
        qemu.write(bytes.subarray(at, at + size));
        await new Promise(setImmediate);
      }
      assert.equal(await answer, "ö".repeat(50));
      assert.deepEqual(
        events.map(({ event }) => event),
        ["Ä"],
      );
      server.close();
      qemu.destroy();
      await client.closed;
    }
  });

  it("fails every command that is open when QEMU ends", async () => {
    const { client, qemu } = await connect();
    const open = ["a", "b", "c"].map((command) => client.execute(command));
    const failed = open.map((each) =>
      assert.rejects(each, catalogueError("hypervisor-failed", /^QEMU has ended$/)),
    );
    send(qemu, { event: "SHUTDOWN" });
    qemu.end();
    await Promise.all(failed);
    await client.closed;
  });

  it("fails a command at once when QEMU has ended already", async () => {
    const { client, qemu } = await connect();
    qemu.destroy();
    await client.closed;
    await assert.rejects(client.execute("late"), catalogueError("hypervisor-failed", /^QEMU has ended$/));
  });

  it("ends with a peer that is not QEMU", async () => {
    for (const garbage of [
      "hello\n",
      "{\n",
      "null\n",
      "[1]\n7\n",
      '"text"\n',
      '{"error":null}\n',
      '{"event":5}\n',
      '{"error":{}}\n',
    ]) {
      const { client, qemu, events } = await connect();
      const pending = assert.rejects(client.execute("x"), catalogueError("hypervisor-failed"));
      qemu.write(garbage);
      await pending;
      assert.deepEqual(events, [], garbage);
      server.close();
      qemu.destroy();
      await client.closed;
    }
  });

  it("ends with a peer that sends a line without end", async () => {
    const { client, qemu } = await connect();
    qemu.write(Buffer.alloc(1_100_000, 0x20));
    await client.closed;
  });

  it("gives nothing but answers and catalogue errors for whatever JSON comes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 5 }), async (messages) => {
        const { client, qemu } = await connect();
        const settled = client.execute("x").catch(catalogueError("hypervisor-failed"));
        send(qemu, ...messages);
        qemu.end();
        await settled;
        server.close();
        await client.closed;
      }),
      { numRuns: 30 },
    );
  });
});
