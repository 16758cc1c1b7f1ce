import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { execFileSync } from "node:child_process";
import { constants, openSync } from "node:fs";
import { join } from "node:path";
import type { Event } from "../../../src/protocol/control-messages.ts";
import { readProcesses } from "../../../src/session/index.ts";
import { CollectingSink } from "../../support/collecting-sink.ts";
import {
  execId,
  execSpecification,
  type NativeContainer,
  outputOf,
  useNativeContainers,
  words,
} from "../../support/native-container.ts";
import { shell } from "../../support/native-session.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const killed = (signal: number): object => ({ code: 0, signal, coreDumped: false });
const exited = (code: number): object => ({ code, signal: 0, coreDumped: false });
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A process that ends well on SIGTERM, and one that does not hear it. */
const COOPERATIVE = shell("trap 'echo bye; exit 3' TERM USR1; echo ready; while :; do sleep 0.01; done");
const DEAF = shell("trap '' TERM; echo ready; while :; do sleep 0.01; done");

const running = ({ event }: NativeContainer): Promise<Event> => event(({ started }) => Boolean(started));

/** Resolves when the main process has printed so much. */
async function printed({ sessions }: NativeContainer, text: string): Promise<CollectingSink> {
  const output = new CollectingSink();
  const errorOutput = new CollectingSink();
  sessions
    .find("")
    .session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "follow" });
  await output.until((sink) => sink.text === text);
  return output;
}

describe("stopping a container", () => {
  const make = useNativeContainers();

  it("sends its stop signal, and is over as soon as the process is", async () => {
    const container = make({ main: { args: COOPERATIVE } });
    const output = await printed(container, "ready\n");
    const begin = performance.now();
    container.sessions.stop(0, undefined);
    assert.deepEqual(await container.sessions.ended, exited(3));
    assert.ok(performance.now() - begin < 500);
    await output.ended;
    assert.equal(output.text, "ready\nbye\n");
    assert.deepEqual(container.namesOf(""), ["started", "signalled", "exited"]);
    // The end is told first.
    await turn();
    assert.deepEqual(container.cgroup.calls, ["kill"]);
  });

  it("sends another signal when that is asked for, or set", async () => {
    const asked = make({ main: { args: COOPERATIVE } });
    await printed(asked, "ready\n");
    asked.sessions.stop(10, 60_000);
    assert.deepEqual(await asked.sessions.ended, exited(3));
    const set = make({ stopSignal: 12 });
    await running(set);
    set.sessions.stop(0, undefined);
    assert.deepEqual(await set.sessions.ended, killed(12));
  });

  it("kills everything of the container after the grace", async () => {
    const container = make({ main: { args: DEAF } });
    await printed(container, "ready\n");
    const exec = container.exec({ args: DEAF });
    await container.event(({ sessionId, started }) => sessionId !== "" && Boolean(started));
    const begin = performance.now();
    container.sessions.stop(0, 200);
    assert.deepEqual(await container.sessions.ended, killed(9));
    const tookMs = performance.now() - begin;
    assert.ok(tookMs >= 195 && tookMs < 1000, `${tookMs} ms`);
    assert.deepEqual(await exec.outcome, killed(9));
  });

  it("waits for ever with a grace below zero, until it is asked again", async () => {
    const container = make({ main: { args: DEAF }, stopTimeoutMs: 1 });
    await printed(container, "ready\n");
    container.sessions.stop(0, -1);
    await pause(150);
    assert.equal(container.sessions.find("").session.state.phase, "running");
    container.sessions.stop(0, 0);
    assert.deepEqual(await container.sessions.ended, killed(9));
  });

  it("waits as long as a grace that no timer takes", async () => {
    const container = make({ main: { args: DEAF }, stopTimeoutMs: 4_000_000_000 });
    await printed(container, "ready\n");
    container.sessions.stop(0, undefined);
    await pause(100);
    assert.equal(container.sessions.find("").session.state.phase, "running");
  });

  it("is not undone by the restart policy", async () => {
    for (const kind of ["always", "unless-stopped", "on-failure"] as const) {
      const container = make({ main: { args: COOPERATIVE }, restart: { kind, maximumRetryCount: 0 } });
      await printed(container, "ready\n");
      container.sessions.stop(0, undefined);
      assert.deepEqual(await container.sessions.ended, exited(3));
      const exit = container.events.after(0).at(-1)?.exited;
      assert.equal(exit?.willRestart, false);
      assert.equal(container.sessions.restartCount, 0);
    }
  });

  it("while the process starts sends the signal once it runs", async () => {
    const container = make({ restart: { kind: "always", maximumRetryCount: 0 } });
    assert.equal(container.sessions.find("").session.state.phase, "starting");
    container.sessions.stop(0, undefined);
    assert.deepEqual(await container.sessions.ended, killed(15));
    assert.deepEqual(container.namesOf(""), ["started", "signalled", "exited"]);
  });

  it("at once and for good ends a process that only starts, too", async () => {
    const container = make({ restart: { kind: "always", maximumRetryCount: 0 } });
    await container.sessions.kill();
    assert.deepEqual(await container.sessions.ended, killed(9));
  });

  it("before the first client came ends it without a process, and for good", async () => {
    const container = make({ main: { startAfterAttach: true } });
    container.sessions.stop(0, undefined);
    assert.equal(await container.sessions.ended, undefined);
    const { session } = container.sessions.find("");
    const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
    session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    await Promise.all([output.ended, errorOutput.ended]);
    assert.deepEqual([session.state.phase, container.namesOf("")], ["failed", ["failed"]]);
  });

  it("changes nothing when it is over", async () => {
    const container = make({ main: { args: shell("exit 5") } });
    await container.sessions.ended;
    container.sessions.stop(0, undefined);
    assert.deepEqual(await container.sessions.ended, exited(5));
    assert.deepEqual(container.namesOf(""), ["started", "exited"]);
  });

  it("outlasts a kernel that cannot end a process", async () => {
    const container = make({ main: { args: DEAF } });
    await printed(container, "ready\n");
    container.cgroup.failure = new Error("some of the container's processes cannot be ended");
    container.sessions.stop(0, 0);
    await pause(50);
    assert.deepEqual(container.cgroup.calls, ["kill"]);
    container.cgroup.failure = undefined;
    container.sessions.stop(0, 0);
    assert.deepEqual(await container.sessions.ended, killed(9));
  });
});

describe("the end of a container's main process", () => {
  const make = useNativeContainers();
  const folder = useTemporaryFolder();

  it("ends all that it leaves behind, none of which can hold the end back or add to its output", async () => {
    const left = `(trap '' TERM HUP; read -r line < "$0"; echo late) & echo last; exit 3`;
    const pipe = join(folder.path, "pipe");
    execFileSync("mkfifo", [pipe]);
    const container = make({ main: { args: [...shell(left), ...words(pipe)] } });
    const output = new CollectingSink();
    const client = { output, errorOutput: new CollectingSink(), outputOffset: 0, errorOutputOffset: 0 };
    container.sessions.find("").session.attach({ ...client, kind: "follow" });
    assert.deepEqual(await container.sessions.ended, exited(3));
    // Whoever still read the pipe would be waited for here, and print.
    assert.throws(() => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK), { code: "ENXIO" });
    await output.ended;
    assert.equal(output.text, "last\n");
  });

  it("ends its execs", async () => {
    const container = make({ main: { args: shell("read -r line"), openStdin: true } });
    await running(container);
    const exec = container.exec({ args: words("/bin/sleep", "1000") });
    await container.event(({ sessionId, started }) => sessionId !== "" && Boolean(started));
    container.sessions.signal("", 9, false);
    assert.deepEqual(await exec.outcome, killed(9));
  });
});

describe("pausing a container", () => {
  const make = useNativeContainers();

  it("stops its processes until it goes on", async () => {
    const container = make({ main: { args: shell("while :; do echo tick; sleep 0.01; done") } });
    await running(container);
    await container.sessions.pause();
    await pause(50);
    const { output: before } = container.sessions.find("").session.outputBytes;
    await pause(100);
    const { session } = container.sessions.find("");
    assert.equal(session.outputBytes.output, before);
    assert.equal(container.sessions.isPaused, true);
    container.sessions.unpause();
    await pause(100);
    assert.ok(session.outputBytes.output > before);
    assert.deepEqual(container.namesOf(""), ["started", "paused", "unpaused"]);
  });

  it("is refused when it is paused or does not run, and going on when it is not paused", async () => {
    const container = make({ main: { startAfterAttach: true } });
    await assert.rejects(container.sessions.pause(), { code: "conflict", message: /not running/ });
    assert.throws(() => container.sessions.unpause(), { code: "conflict", message: /not paused/ });
    const second = make();
    await running(second);
    await second.sessions.pause();
    await assert.rejects(second.sessions.pause(), { code: "conflict", message: /already paused/ });
  });

  it("leaves it running when the kernel cannot", async () => {
    const container = make();
    await running(container);
    container.cgroup.failure = new Error("some of the container's processes cannot be stopped");
    await assert.rejects(container.sessions.pause(), /cannot be stopped/);
    assert.equal(container.sessions.isPaused, false);
    container.cgroup.failure = undefined;
    assert.equal((await outputOf(container.exec({ args: shell("echo on") }))).output, "on\n");
  });

  it("does not keep it from being stopped: the signal is there when it goes on", async () => {
    const container = make({ main: { args: COOPERATIVE } });
    await printed(container, "ready\n");
    await container.sessions.pause();
    container.sessions.stop(0, undefined);
    assert.deepEqual(await container.sessions.ended, exited(3));
    assert.deepEqual(container.namesOf(""), ["started", "paused", "signalled", "unpaused", "exited"]);
  });

  it("ends with its process: what is started again is not frozen", async () => {
    const container = make({ restart: { kind: "always", maximumRetryCount: 0 } });
    await running(container);
    await container.sessions.pause();
    container.sessions.signal("", 9, false);
    await container.event(({ restarting }) => Boolean(restarting));
    assert.equal(container.sessions.isPaused, false);
    assert.ok(container.cgroup.calls.includes("thaw"));
  });
});

describe("restarting a container's process", () => {
  const make = useNativeContainers();

  it("follows its policy, with Docker's pauses, and says so with each exit", async () => {
    const container = make({
      main: { args: shell("echo out; exit 3") },
      restart: { kind: "on-failure", maximumRetryCount: 2 },
    });
    const begin = performance.now();
    assert.deepEqual(await container.sessions.ended, exited(3));
    assert.ok(performance.now() - begin >= 295);
    const once = ["started", "exited", "restarting"];
    assert.deepEqual(container.namesOf(""), [...once, ...once, "started", "exited"]);
    const events = container.events.after(0);
    assert.deepEqual(
      events.flatMap(({ exited: exit }) => (exit ? [exit.willRestart] : [])),
      [true, true, false],
    );
    assert.deepEqual(
      events.flatMap(({ restarting }) => (restarting ? [restarting] : [])),
      [
        { count: 1, pauseMs: 100 },
        { count: 2, pauseMs: 200 },
      ],
    );
    assert.deepEqual([container.sessions.restartCount, container.renewals()], [2, 2]);
  });

  it("does not start a process again that has ended well, unless it always does", async () => {
    const well = make({
      main: { args: shell("exit 0") },
      restart: { kind: "on-failure", maximumRetryCount: 0 },
    });
    assert.deepEqual(await well.sessions.ended, exited(0));
    assert.equal(well.sessions.restartCount, 0);
    const always = make({
      main: { args: shell("exit 0") },
      restart: { kind: "always", maximumRetryCount: 0 },
    });
    await always.event(({ restarting }) => restarting?.count === 2);
  });

  it("ends what the process has left behind, and begins with a new record of its output", async () => {
    let records = 0;
    const recorded: CollectingSink[] = [];
    const container = make({
      main: { args: shell("sleep 1000 >/dev/null 2>&1 & echo $!; exit 1") },
      restart: { kind: "on-failure", maximumRetryCount: 1 },
      record: () => {
        records += 1;
        const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
        recorded.push(output);
        return { output, errorOutput, outputOffset: 0, errorOutputOffset: 0 };
      },
    });
    await container.event(({ restarting }) => Boolean(restarting));
    const left = Number(recorded[0]?.text);
    assert.deepEqual(await container.sessions.ended, exited(1));
    // A zombie is for this machine's init to reap.
    assert.ok(["Z", undefined].includes(readProcesses([left])[0]?.state));
    assert.equal(records, 2);
    assert.deepEqual(
      recorded.map(({ text, isEnded }) => [/^\d+\n$/.test(text), isEnded]),
      [
        [true, true],
        [true, true],
      ],
    );
  });

  it("is given up when it is stopped during the pause: the last exit stands", async () => {
    const container = make({
      main: { args: shell("exit 6") },
      restart: { kind: "always", maximumRetryCount: 0 },
    });
    await container.event(({ restarting }) => Boolean(restarting));
    assert.equal(container.sessions.isRestarting, true);
    container.sessions.stop(0, undefined);
    assert.deepEqual(await container.sessions.ended, exited(6));
    await pause(200);
    assert.deepEqual(container.namesOf(""), ["started", "exited", "restarting"]);
    assert.equal(container.sessions.isRestarting, false);
  });

  it("is given up though its pause was over when it was stopped, and its last processes were not", async () => {
    const container = make({
      main: { args: shell("exit 6") },
      restart: { kind: "always", maximumRetryCount: 0 },
    });
    const slow = Promise.withResolvers<void>();
    const { cgroup } = container;
    const kill = cgroup.kill.bind(cgroup);
    cgroup.kill = () => slow.promise;
    await container.event(({ restarting }) => Boolean(restarting));
    await pause(150);
    container.sessions.stop(0, undefined);
    slow.resolve();
    cgroup.kill = kill;
    await pause(100);
    assert.deepEqual(container.namesOf(""), ["started", "exited", "restarting"]);
  });

  it("that is not possible ends the container with the reason", async () => {
    const container = make({
      main: { args: shell("exit 6") },
      restart: { kind: "always", maximumRetryCount: 0 },
      renew: () => {
        throw new Error("no namespace");
      },
    });
    assert.deepEqual(await container.sessions.ended, exited(6));
    assert.deepEqual(container.namesOf(""), ["started", "exited", "restarting", "failed"]);
    assert.match(container.events.after(0).at(-1)?.failed?.error?.message ?? "", /no namespace/);
  });

  it("forgets the policy that was, for the one that was set since", async () => {
    const container = make({ main: { args: COOPERATIVE } });
    await printed(container, "ready\n");
    container.sessions.changeRestartPolicy({ kind: "on-failure", maximumRetryCount: 1 });
    container.sessions.signal("", 15, false);
    await container.event(({ restarting }) => Boolean(restarting));
  });

  it("fails the execs that still wait for their client", async () => {
    const container = make({
      main: { args: COOPERATIVE },
      restart: { kind: "always", maximumRetryCount: 0 },
    });
    await printed(container, "ready\n");
    const specification = execSpecification({ args: words("/bin/true"), startAfterAttach: true });
    const { session } = container.sessions.createExec({ id: execId(), isPrivileged: false, specification });
    container.sessions.signal("", 9, false);
    await container.event(({ restarting }) => Boolean(restarting));
    const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
    session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    await Promise.all([output.ended, errorOutput.ended]);
    assert.equal(session.state.phase, "failed");
  });
});
