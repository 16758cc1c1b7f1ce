import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type { Machine, MachineEnd } from "../../../../src/hypervisor/index.ts";
import { encodeLogRecord } from "../../../../src/protocol/log/index.ts";
import {
  ContainerRun,
  type ContainerRunOptions,
  type RunEnd,
} from "../../../../src/portlayer/execution/container-run.ts";
import type { Exit } from "../../../../src/session/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { type FakeSession, startFakeSession } from "../../../support/fake-process.ts";
import { ServedGuest } from "../../../support/served-guest.ts";

describe("the run of a container", () => {
  let fake: FakeSession;
  let guest: ServedGuest;
  let end: PromiseWithResolvers<MachineEnd>;
  let isUp: boolean;
  beforeEach(async () => {
    isUp = true;
    end = Promise.withResolvers();
    fake = await startFakeSession({ openStdin: true });
    guest = new ServedGuest(fake.session);
    const pid = fake.session.state.phase === "running" ? fake.session.state.pid : 0;
    guest.events.record({ started: { pid } }, "");
    void fake.outcome.then((outcome) => guest.exited(outcome as Exit));
  });
  afterEach(async () => {
    fake.process.exit();
    await guest[Symbol.asyncDispose]();
  });

  /** What was asked for, but for the time, which every connection brings. */
  const requests = (): string[] => guest.asked.filter((each) => !each.startsWith("clock"));
  const machine = (): Machine => ({
    pid: process.pid,
    ended: end.promise,
    connectLink: () => (isUp ? guest.connect() : Promise.reject(new Error("nobody listens"))),
    destroy: () => Promise.resolve(),
  });
  const make = (output: PassThrough, changes: Partial<ContainerRunOptions>): ContainerRun =>
    new ContainerRun({
      machine: machine(),
      keys: guest.keys,
      acknowledges: () => true,
      streams: { input: undefined, output, errorOutput: new PassThrough().resume() },
      consoleLog: join(guest.folder, "console.log"),
      log: join(guest.folder, "log"),
      startTimeoutMs: 60_000,
      onStages: () => {},
      onStarted: () => {},
      ...changes,
    });
  const start = (
    changes: Partial<ContainerRunOptions> = {},
  ): {
    run: ContainerRun;
    exit: Promise<RunEnd>;
    output: Promise<string>;
    started: Promise<void>;
  } => {
    const output = new PassThrough();
    const started = Promise.withResolvers<void>();
    const run = make(output, { onStarted: () => started.resolve(), ...changes });
    const exit = run.complete();
    exit.catch(() => {}).finally(() => output.end());
    return { run, exit, output: text(output), started: started.promise };
  };

  it("gives the process's output and exit, and tells the guest that it has them", async () => {
    const { exit, output } = start();
    fake.process.stdout.write("hello");
    fake.process.exit({ code: 5 });
    assert.deepEqual(await exit, { exit: { code: 5, signal: 0 }, willRestart: false });
    assert.equal(await output, "hello");
    assert.deepEqual(requests(), ["acknowledge"]);
  });

  it("connects again when the link breaks, and tells of the start once", async () => {
    let starts = 0;
    const { exit, output, started } = start({ onStarted: () => starts++ });
    void started;
    while (guest.holderCounts.length === 0) await new Promise(setImmediate);
    fake.process.stdout.write("before ");
    guest.links[0]?.destroy();
    fake.process.stdout.write("after");
    while (guest.links.length < 2) await new Promise(setImmediate);
    fake.process.exit({ signal: 9 });
    assert.deepEqual(await exit, { exit: { code: 0, signal: 9 }, willRestart: false });
    assert.equal(await output, "before after");
    assert.equal(starts, 1);
  });

  it("passes signals on, also those that came while there was no link", async () => {
    isUp = false;
    const { run, exit, started } = start();
    await run.signal(10);
    isUp = true;
    await started;
    while (requests().length === 0) await new Promise(setImmediate);
    assert.deepEqual(requests(), ["signal 10 false"]);
    fake.process.exit();
    await exit;
  });

  it("ends with the exit though a signal that waited for the link comes too late for the process", async () => {
    isUp = false;
    const { run, exit } = start();
    await run.signal(15);
    fake.process.exit({ code: 4 });
    await fake.outcome;
    isUp = true;
    assert.deepEqual(await exit, { exit: { code: 4, signal: 0 }, willRestart: false });
  });

  it("ends with the exit though the guest is gone before its last answer", async () => {
    const { exit } = start();
    const asked = guest.asked;
    asked.push = (...words) => {
      if (words.includes("acknowledge")) {
        guest.links.at(-1)?.destroy();
        isUp = false;
        end.resolve({ reason: "powered-off" });
      }
      return Array.prototype.push.apply(asked, words);
    };
    fake.process.exit({ code: 6 });
    assert.deepEqual(await exit, { exit: { code: 6, signal: 0 }, willRestart: false });
  });

  it("fails with what the guest reports over the link", async () => {
    const { exit } = start();
    guest.events.record(
      { failed: { error: { code: "command-not-found", message: 'exec: "x": not found' } } },
      "",
    );
    await assert.rejects(exit, catalogueError("command-not-found", /^exec: "x": not found$/));
  });

  it("fails with what the guest has written to its log when it is gone without a link", async () => {
    isUp = false;
    const { exit } = start();
    const error = { code: "user-not-found", message: "unable to find user x" };
    writeFileSync(join(guest.folder, "log"), encodeLogRecord({ event: { sequence: 1, failed: { error } } }));
    end.resolve({ reason: "powered-off" });
    await assert.rejects(exit, catalogueError("user-not-found", /^unable to find user x$/));
  });

  it("fails with what is on the console, or with what became of the machine, when the log says nothing", async () => {
    isUp = false;
    const { exit } = start();
    writeFileSync(join(guest.folder, "console.log"), "[ 1.0] Kernel panic - not syncing: no init\n");
    end.resolve({ reason: "reset" });
    await assert.rejects(exit, catalogueError("guest-panic", /no init$/));
    const { exit: lost } = start({
      consoleLog: "/none",
      machine: { ...machine(), ended: Promise.resolve({ reason: "lost" }) },
    });
    await assert.rejects(lost, catalogueError("guest-lost", /hypervisor process ended unexpectedly$/));
  });

  it("gives up on a guest that never connects, and says after how long", async () => {
    isUp = false;
    await assert.rejects(
      start({ startTimeoutMs: 30 }).exit,
      catalogueError("guest-not-connected", /^the container VM did not answer within 0\.03 s/),
    );
  });

  it("does not speak with a guest that has another key", async () => {
    const { hostPublicKey } = (await import("../../../../src/portlayer/interaction/index.ts")).makeLinkKeys();
    await assert.rejects(
      start({ keys: { ...guest.keys, hostPublicKey } }).exit,
      catalogueError("link-protocol"),
    );
  });

  it("learns what happened before it connected though the guest tells first what happens now", async () => {
    guest.onClock = () => guest.events.record({ restarting: { count: 1, pauseMs: 100 } }, "");
    let starts = 0;
    await make(new PassThrough(), { onStarted: () => void (starts += 1) }).untilStarted();
    assert.equal(starts, 1);
  });
});
