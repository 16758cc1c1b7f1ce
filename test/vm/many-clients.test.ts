import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClientChannel } from "ssh2";
import { type AdoptedMachine, CONSOLE_LOG } from "../../src/hypervisor/index.ts";
import { visitQmp } from "../../src/hypervisor/qemu/qmp-visit.ts";
import { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import { ATTACH_COMMAND } from "../../src/protocol/link-names.ts";
import { catalogueError } from "../support/catalogue-error.ts";
import { useHost } from "../support/vm-host.ts";
import { type StartedMachine, startShellMachine } from "../support/vm-machine.ts";
import { Watched } from "../support/vm-watched.ts";
import { machineDriver } from "../support/machine-driver.ts";
import { machineRoom } from "../support/machine-room.ts";

/** All ports but the console's, the link's and the log's. */
const MOST_CLIENTS = 28;

const HANDSHAKE_LIMIT_MS = 60_000;

for (const start of ["cold", "forked"] as const) {
  describe(`a container VM with many clients, after a ${start} start`, () => {
    const host = useHost();
    const driver = machineDriver();
    let started: StartedMachine;
    const connections: GuestConnection[] = [];

    before(async function () {
      this.timeout(120_000);
      started = await startShellMachine(host, { start });
    });
    after(() => started.machine.destroy());
    afterEach(async () => {
      for (const connection of connections.splice(0)) connection.close();
      await until(() => linkSockets().length === 0, "a link is left");
    });

    const adopt = (): AdoptedMachine => {
      const machine = driver.adopt(started.running);
      assert(machine !== undefined);
      return machine;
    };
    const connect = async (): Promise<GuestConnection> => {
      const limit = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
      const socket = await adopt().connectLink();
      const connection = await GuestConnection.open(socket, started.keys, () => {}, limit);
      connections.push(connection);
      return connection;
    };
    const linkSockets = (): string[] =>
      readdirSync(machineRoom(started.running.folder)).filter((name) => name.startsWith("link-"));
    /** The container's shell, over a connection. */
    const attach = async (connection: GuestConnection): Promise<[ClientChannel, Watched]> => {
      const channel = await connection.execute(`${ATTACH_COMMAND} 0 0`, undefined);
      return [channel, new Watched(channel)];
    };

    it("answers a client that came before its guest was ready", async () => {
      const connection = await connect();
      assert.notEqual((await connection.snapshot()).agentVersion, "");
    });

    it("leaves nothing of them in QEMU, while their process goes on", async () => {
      const characters = async (): Promise<string[]> => {
        const listed = await visitQmp(machineRoom(started.running.folder), (qmp) =>
          qmp.execute("query-chardev"),
        );
        return (listed as { label: string }[]).map(({ label }) => label).toSorted();
      };
      const before = await characters();
      for (let round = 0; round < 10; round++) {
        const machine = adopt();
        await Promise.all([machine.connectLink(), machine.connectLink()]);
        await machine[Symbol.asyncDispose]();
        assert.deepEqual(await characters(), before);
      }
    });

    it("serves five clients at the same time while an attachment goes on", async () => {
      const [shell, output] = await attach(await connect());
      const last = 100;
      shell.write(`i=0; while [ $i -lt ${last} ]; do i=$((i+1)); echo $i; sleep 0.01; done; echo over\n`);
      await output.expect(/^1$/m);
      const clients = await Promise.all(Array.from({ length: 5 }, () => connect()));
      const answers = await Promise.all(
        clients.flatMap((client) => Array.from({ length: 20 }, () => client.snapshot())),
      );
      assert.equal(answers.length, 100);
      await output.expect(/over/);
      const numbers = output.text.match(/^\d+$/gm) ?? [];
      assert.deepEqual(
        numbers.map(Number),
        Array.from({ length: last }, (_, index) => index + 1),
      );
    });

    it("is cleared by the next client of what one left that was killed", async () => {
      const client = spawnClient(started);
      assert(client.stdout !== null);
      await new Watched(client.stdout).expect(/open/);
      const left = linkSockets();
      assert.equal(left.length, 1);
      const ended = once(client, "exit");
      client.kill("SIGKILL");
      await ended;
      assert.deepEqual(linkSockets(), left);
      await connect();
      assert.equal(linkSockets().length, 1);
      assert.notDeepEqual(linkSockets(), left);
    });

    it("refuses a client when every port is taken, and serves all others", async () => {
      const clients = await Promise.all(Array.from({ length: MOST_CLIENTS }, () => connect()));
      await assert.rejects(adopt().connectLink(), catalogueError("too-many-clients"));
      await Promise.all(clients.map((client) => client.snapshot()));
    }).timeout(60_000);

    it("answers every one of sixty clients that come and go without a pause, twelve at a time", async () => {
      const visit = async (): Promise<void> => {
        const connection = await connect();
        await connection.snapshot();
        connection.close();
      };
      const visitor = async (): Promise<void> => {
        for (let count = 0; count < 5; count++) await visit();
      };
      await Promise.all(Array.from({ length: 12 }, visitor));
    }).timeout(120_000);

    it("has no further port when all clients have gone", async () => {
      // By the link that the machine has had from its start.
      const socket = await started.machine.connectLink();
      const limit = AbortSignal.timeout(HANDSHAKE_LIMIT_MS);
      const connection = await GuestConnection.open(socket, started.keys, () => {}, limit);
      connections.push(connection);
      const [shell, output] = await attach(connection);
      // The guest is told a moment after the host has done it.
      shell.write(
        "while set -- /sys/class/virtio-ports/*; [ $# -ne 2 ]; do sleep 0.02; done; echo names $(cat /sys/class/virtio-ports/*/name)\n",
      );
      const [, names] = await output.expect(/names (.*)\n/);
      assert.equal(names, "tether.link tether.log");
    });

    it("says nothing of all that on its console", () => {
      assert.doesNotMatch(
        readFileSync(join(started.running.folder, CONSOLE_LOG), "utf8"),
        /link failed|error/i,
      );
    });

    it("tells a client that it has ended", async () => {
      const { ended } = adopt();
      const connection = await connect();
      await started.machine.destroy();
      assert.deepEqual(await ended, { reason: "unobserved" });
      await connection.closed;
    });
  });
}

function spawnClient({ running, keys }: StartedMachine): ChildProcess {
  const program = fileURLToPath(import.meta.resolve("../support/link-client.ts"));
  return spawn(process.execPath, [program, JSON.stringify({ running, keys })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function until(condition: () => boolean, otherwise: string): Promise<void> {
  const limit = Date.now() + 5000;
  while (!condition()) {
    assert.ok(Date.now() < limit, otherwise);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
