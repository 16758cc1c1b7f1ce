import { deepEqual, equal, ok } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, type ClientChannel } from "ssh2";
import type { GuestConnection } from "../../../../src/portlayer/interaction/index.ts";
import { tether } from "../../../../src/protocol/generated/stats.js";
import { ALL_GROUPS } from "../../../../src/stats/index.ts";
import { EventLog } from "../../../../src/tether/event-log.ts";
import { AgentStatistics } from "../../../../src/tether/statistics/agent-statistics.ts";
import { FACT_FILES } from "../../../support/fact-files.ts";
import { decodeFrame, KernelFolders } from "../../../support/kernel-folders.ts";
import { nativeSystem } from "../../../support/native-system.ts";
import { ServedGuest } from "../../../support/served-guest.ts";
import { StatisticsClient } from "../../../support/statistics-client.ts";

const { Group } = tether.stats;

describe("the subsystem `stats`", () => {
  let folders: KernelFolders;
  let guest: ServedGuest;
  let statistics: AgentStatistics;
  let connection: GuestConnection;

  const makeStatistics = (): AgentStatistics =>
    new AgentStatistics({
      system: nativeSystem(),
      volumes: () => [],
      report: (error) => {
        throw error;
      },
      stateFolder: join(folders.folder, "state"),
      folders: {
        container: join(folders.folder, "container"),
        tether: join(folders.folder, "tether"),
        proc: join(folders.folder, "proc"),
        sys: join(folders.folder, "sys"),
      },
    });

  beforeEach(async () => {
    folders = new KernelFolders();
    statistics = makeStatistics();
    guest = new ServedGuest({
      ...{ statistics, sessions: undefined, services: undefined, events: new EventLog() },
      control: { carryOut: () => ({}), subscribe: () => () => {} },
    });
    connection = await guest.open();
  });
  const dialled: Client[] = [];
  afterEach(async () => {
    for (const client of dialled.splice(0)) client.destroy();
    await guest[Symbol.asyncDispose]();
    folders[Symbol.dispose]();
  });

  const open = (): Promise<StatisticsClient> => StatisticsClient.open(connection);

  it("streams samples, the first at once and in full", async () => {
    const client = await open();
    client.send({ subscribe: { periodMs: 100, delta: true } });
    await client.count(4);
    deepEqual(
      client.messages.map(({ sample }) => sample?.delta),
      // How long a reading took is known from the second one on.
      [false, false, true, true],
    );
    for (const sample of client.samples) equal(sample.containerMemory?.anonBytes, 67_108_864);
    const times = client.samples.map(({ monotonicUs }) => monotonicUs ?? 0);
    ok(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0)));
    await client.close();
  });

  it("gives one sample to who asks for one, of the groups that are asked for", async () => {
    const client = await open();
    client.send({ getSample: { groups: [Group.CONTAINER_PIDS, Group.NETWORK] } });
    const [message] = await client.count(1);
    const { containerPids, network, containerCpu, disks } = message?.sample ?? {};
    deepEqual([containerPids?.current, network?.length, containerCpu, disks], [5, 1, null, []]);
  });

  it("tells what the machine is", async () => {
    for (const [name, content] of Object.entries(FACT_FILES)) folders.write(name, content);
    const client = await open();
    client.send({ getFacts: {} });
    client.send({ getSample: {} });
    const [message, next] = await client.count(2);
    const { firmware, disks, fileSystems } = message?.facts ?? {};
    deepEqual([firmware?.vendor, disks?.[0]?.name, fileSystems?.[0]?.mountPoint], ["SeaBIOS", "vda", "/"]);
    ok(next?.sample);
  });

  it("takes groups one by one as well as packed", async () => {
    const client = await open();
    // getSample { groups: 4, groups: 9 }, not packed.
    client.channel.write(Buffer.from([6, 0x12, 4, 0x08, 4, 0x08, 9]));
    const [message] = await client.count(1);
    deepEqual([message?.sample?.containerPids?.current, message?.sample?.network?.length], [5, 1]);
  });

  it("changes a subscription for another, and ends it", async () => {
    const client = await open();
    client.send({ subscribe: { periodMs: 3_600_000 } });
    client.send({ subscribe: { periodMs: 100, groups: [Group.CONTAINER_PIDS] } });
    await client.count(4);
    equal(client.messages[0]?.sample?.machineMemory?.totalBytes, 512_000_000);
    for (const { sample } of client.messages.slice(1)) equal(sample?.machineMemory, null);
    client.send({ unsubscribe: {} });
    client.send({ getHistory: {} });
    await client.until(() => client.messages.some(({ historyEnd }) => historyEnd));
    const { length } = client.messages;
    await sleep(250);
    equal(client.messages.length, length);
  });

  it("tells what it has kept, in full first", async () => {
    const client = await open();
    client.send({ getHistory: {} });
    await client.until(() => client.messages.some(({ historyEnd }) => historyEnd));
    const samples = client.messages.filter(({ sample }) => sample);
    equal(client.messages.at(-1)?.historyEnd?.samples, samples.length);
    ok(samples.length >= 1);
    equal(samples[0]?.sample?.delta, false);
    const [first] = client.samples;
    client.send({
      getHistory: { afterMonotonicMs: Math.ceil((first?.monotonicUs ?? 0) / 1000) + 3_600_000 },
    });
    const { length } = client.messages;
    await client.count(length + 1);
    equal(client.messages.at(-1)?.historyEnd?.samples, 0);
  });

  for (const [what, bytes, code] of [
    ["a period that is too short", [6, 0x0a, 4, 0x08, 99, 0x18, 1], "invalid-option"],
    ["a period that is too long", [7, 0x0a, 5, 0x08, 0x81, 0xdd, 0xdb, 0x01], "invalid-option"],
    ["a group that there is not", [4, 0x12, 2, 0x08, 13], "invalid-option"],
    ["a group that is none", [4, 0x12, 2, 0x08, 0], "invalid-option"],
    ["nothing", [0], "link-protocol"],
    ["a request of another version", [2, 0x7a, 0], "link-protocol"],
    ["garbage", [3, 0xff, 0xff, 0xff], "link-protocol"],
    ["a message that ends in a field", [3, 0x0a, 9, 0x08], "link-protocol"],
  ] as const) {
    it(`refuses ${what}, and goes on`, async () => {
      const client = await open();
      client.channel.write(Buffer.from(bytes));
      const [message] = await client.count(1);
      equal(message?.error?.code, code);
      ok(message?.error?.message);
      client.send({ getSample: {} });
      await client.count(2);
      equal(client.samples.length, 1);
    });
  }

  it("passes over fields that it does not know", async () => {
    const client = await open();
    client.channel.write(Buffer.from([8, 0x12, 6, 0x08, 4, 0x52, 2, 1, 2]));
    const [message] = await client.count(1);
    equal(message?.sample?.containerPids?.current, 5);
  });

  it("lets go of who sends messages without an end, after telling so", async () => {
    const client = await open();
    client.channel.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]));
    const [message] = await client.count(1);
    equal(message?.error?.code, "link-protocol");
    await client.until(() => client.hasEnded);
  });

  it("serves a hundred subscribers at once", async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, open));
    for (const client of clients) client.send({ subscribe: { periodMs: 100, delta: true } });
    await Promise.all(clients.map((client) => client.count(5)));
    for (const { samples } of clients) ok(samples.every(({ lost }) => !lost));
    await Promise.all(clients.map((client) => client.close()));
  });

  it("refuses subscribers beyond 256, and takes others when some have left", async () => {
    const clients = await Promise.all(Array.from({ length: 256 }, open));
    for (const client of clients) client.send({ subscribe: { periodMs: 3_600_000 } });
    await Promise.all(clients.map((client) => client.count(1)));
    const late = await open();
    late.send({ subscribe: { periodMs: 1000 } });
    equal((await late.count(1))[0]?.error?.code, "conflict");
    await clients[0]?.close();
    late.send({ subscribe: { periodMs: 1000 } });
    await late.until(() => late.samples.length > 0);
  });

  it("does not answer who asks and does not read, until he reads", async () => {
    const asked = 3000;
    const client = new Client();
    dialled.push(client);
    const socket = connect(guest.path);
    const privateKey = guest.keys.clientPrivateKey;
    client.connect({ sock: socket, username: "tether", privateKey, hostVerifier: () => true });
    await once(client, "ready");
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.subsys("stats", (error, opened) => (error === undefined ? resolve(opened) : reject(error)));
    });
    const reader = new StatisticsClient(channel);
    reader.send({ getSample: {} });
    await reader.count(1);
    socket.pause();
    for (let count = 0; count < asked; count++) reader.send({ getSample: {} });
    const link = guest.links.at(-1);
    ok(link !== undefined);
    let { bytesWritten } = link;
    do {
      ({ bytesWritten } = link);
      await sleep(100);
    } while (link.bytesWritten > bytesWritten);
    ok(link.writableLength < 200_000, `${link.writableLength} bytes wait`);
    ok(link.bytesWritten < asked * 600, "there were answers for all");
    socket.resume();
    await reader.count(asked + 1);
  });

  it("counts restarts, and goes on with the counters of an agent before", async () => {
    const received = async (agent: AgentStatistics): Promise<unknown[]> => {
      const { sampler } = await agent.open();
      const sample = decodeFrame(sampler.sample(ALL_GROUPS).frame);
      return [sample.network?.[0]?.receivedBytes, sample.agent?.restarts];
    };
    deepEqual(await received(statistics), [1_000_000, 0]);
    folders.write("proc/net/dev", "  eth0: 70 2000 1 2 0 0 0 0 500000 1000 3 4 0 0 0 0\n");
    await sleep(30);
    deepEqual(await received(statistics), [1_000_070, 0]);
    const successor = makeStatistics();
    successor.resume();
    deepEqual(await received(successor), [1_000_070, 1]);
  });

  it("says how far the clock was off when the host told the time", async () => {
    statistics.clockWasOff(-12.5);
    const client = await open();
    client.send({ getSample: { groups: [Group.MACHINE_SYSTEM] } });
    equal((await client.count(1))[0]?.sample?.machineSystem?.clockOffsetUs, -12_500);
  });

  it("begins its history by itself", async () => {
    statistics.begin(10);
    await sleep(50);
    const history = await (await statistics.open()).history();
    const { value } = await history.since(0).next();
    equal(value && decodeFrame(value).delta, false);
  });
});
