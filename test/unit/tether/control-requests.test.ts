import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import fc from "fast-check";
import { encodeMessage, type Request, type Snapshot } from "../../../src/protocol/control-messages.ts";
import { TetherError } from "../../../src/protocol/errors/index.ts";
import { MAX_MESSAGE_BYTES } from "../../../src/protocol/length-delimited.ts";
import { serveControl } from "../../../src/tether/control-channel.ts";
import type { ControlRequests } from "../../../src/tether/control-requests.ts";
import { EventLog } from "../../../src/tether/event-log.ts";
import { controlRequests } from "../../support/control-requests.ts";
import { execId, type NativeContainer, useNativeContainers, words } from "../../support/native-container.ts";
import { shell } from "../../support/native-session.ts";

const RUNNING = 2;
const DRAINED = 4;
const FAILED = 5;
const RESTARTING = 6;

describe("the control channel's requests", () => {
  const make = useNativeContainers();
  const running = async (options?: Parameters<typeof make>[0]): Promise<NativeContainer> => {
    const container = make(options);
    await container.event(({ started }) => Boolean(started));
    return container;
  };
  const snapshot = (control: ControlRequests, afterSequence = 0): Snapshot => {
    const { snapshot: answer } = control.carryOut({ getSnapshot: { afterSequence } }) as {
      snapshot: Snapshot;
    };
    return answer;
  };
  const refused = (control: ControlRequests, request: Request, code: string): void =>
    assert.throws(
      () => control.carryOut(request),
      (error) => error instanceof TetherError && error.code === code,
      JSON.stringify(request),
    );

  it("tell the state of every session, the main one first", async () => {
    const { control, sessions } = await running({
      main: { args: shell("echo out; exec sleep 1000"), user: "0:0" },
    });
    const [ended, failed] = [execId(), execId()];
    await control.carryOut({
      createExec: {
        id: ended,
        args: words("/bin/sh", "-c", "cat; echo err >&2; exit 9"),
        tty: false,
        privileged: false,
      },
    });
    await control.carryOut({ createExec: { id: failed, args: words("nosuchcommand"), user: "0" } });
    await Promise.all([ended, failed].map((id) => sessions.find(id).session.outcome));
    const { sessions: all, isPaused, restartCount, health, agentVersion } = snapshot(control);
    assert.deepEqual(
      all?.map(({ id, phase }) => [id, phase]),
      [
        ["", RUNNING],
        [ended, DRAINED],
        [failed, FAILED],
      ],
    );
    assert.deepEqual([isPaused, restartCount, health, agentVersion], [false, 0, null, "test"]);
    const [main, first, second] = all ?? [];
    assert.ok((main?.pid ?? 0) > 1 && main?.started?.seconds && main.finished === null);
    assert.deepEqual(main.args?.map((arg) => Buffer.from(arg).toString())[2], "echo out; exec sleep 1000");
    assert.equal(main.outputBytes, 4);
    assert.deepEqual(first?.exit, { code: 9, signal: 0, coreDumped: false, outOfMemory: false });
    assert.equal(first.errorOutputBytes, 4);
    assert.ok(first.finished?.seconds);
    assert.equal(second?.error?.code, "command-not-found");
    assert.equal(second.exit, null);
  });

  it("give the events behind the one that a client has had", async () => {
    const { control } = await running();
    await control.carryOut({ pause: {} });
    await control.carryOut({ unpause: {} });
    assert.deepEqual(
      snapshot(control, 1).events?.map(({ sequence }) => sequence),
      [2, 3],
    );
    assert.equal(snapshot(control, 99).events?.length, 0);
  });

  it("pause, which is answered when all has stopped, and go on", async () => {
    const { control, cgroup } = await running();
    assert.deepEqual(await control.carryOut({ pause: {} }), {});
    assert.deepEqual(cgroup.calls, ["freeze"]);
    assert.equal(snapshot(control).isPaused, true);
    refused(control, { createExec: { id: execId(), args: words("true") } }, "conflict");
    await assert.rejects(Promise.resolve(control.carryOut({ pause: {} })), { code: "conflict" });
    await control.carryOut({ unpause: {} });
    refused(control, { unpause: {} }, "conflict");
  });

  it("make execs of what the container is, where they say nothing else", async () => {
    const { control, sessions } = await running({
      main: { environment: words("A=main", "B=main"), workingDirectory: Buffer.from("/usr") },
    });
    const id = execId();
    await control.carryOut({
      createExec: {
        id,
        args: shell('echo "$A $B"; pwd; id -u') as Uint8Array[],
        env: words("B=exec"),
        user: "4321",
      },
    });
    const { session, specification } = sessions.find(id);
    const { CollectingSink } = await import("../../support/collecting-sink.ts");
    const [output, errorOutput] = [new CollectingSink(), new CollectingSink()];
    session.attach({ output, errorOutput, outputOffset: 0, errorOutputOffset: 0, kind: "hold" });
    await output.ended;
    assert.equal(output.text, "main exec\n/usr\n4321\n");
    assert.deepEqual(
      [specification.openStdin, specification.tty, specification.holdOutput],
      [false, false, false],
    );
  });

  it("signal, size, stop and change the policy", async () => {
    const { control, sessions, events } = await running({
      main: {
        args: shell("trap 'exit 3' USR1; trap 'exit 4' TERM; echo on; while :; do sleep 0.01; done"),
        tty: true,
      },
    });
    while (sessions.find("").session.outputBytes.output < 4)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await control.carryOut({ resizeSession: { columns: 65_535, rows: 1 } });
    await control.carryOut({ updateRestartPolicy: { kind: 1, maximumRetryCount: 1 } });
    await control.carryOut({ signalSession: { signal: 10 } });
    while (!events.after(0).some(({ restarting }) => restarting))
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(snapshot(control).sessions?.[0]?.phase, RESTARTING);
    assert.equal(snapshot(control).restartCount, 1);
    const starts = (): number => events.after(0).filter(({ started }) => started).length;
    while (starts() < 2 || sessions.find("").session.outputBytes.output < 4)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await control.carryOut({ stopSession: { defaultGrace: true } });
    assert.deepEqual(await sessions.ended, { code: 4, signal: 0, coreDumped: false });
  });

  it("list the container's processes", async () => {
    const { control, cgroup } = await running();
    const { processes } = control.carryOut({ listProcesses: {} }) as {
      processes: { processes: Array<{ pid: number; user: string; args: Uint8Array[] }> };
    };
    assert.deepEqual(
      processes.processes.map(({ pid, user }) => [pid, user]),
      [[cgroup.processes()[0], "root"]],
    );
  });

  it("reach the agent itself without a container, too", () => {
    const asked: string[] = [];
    const control = controlRequests({
      acknowledgeExit: () => void asked.push("acknowledge"),
      powerOff: () => void asked.push("power off"),
      logRotated: (writtenBytes) => void asked.push(`rotated ${writtenBytes}`),
      setClock: (milliseconds) => void asked.push(`clock ${milliseconds}`),
    });
    for (const request of [
      { acknowledgeExit: {} },
      { powerOff: {} },
      { logRotated: { writtenBytes: 7 } },
      { setClock: { time: { seconds: 5 } } },
    ])
      assert.deepEqual(control.carryOut(request), {});
    assert.deepEqual(asked, ["acknowledge", "power off", "rotated 7", "clock 5000"]);
    assert.deepEqual(snapshot(control).sessions, undefined);
    for (const request of [{ pause: {} }, { listProcesses: {} }, { stopSession: {} }, {}])
      refused(control, request, "no-such-session");
  });

  it("refuse what is malformed, and change nothing", async () => {
    const { control, sessions, events } = await running();
    const before = events.after(0).length;
    const exec = (changes: object): Request => ({
      createExec: { id: execId(), args: words("true"), ...changes },
    });
    const table: ReadonlyArray<readonly [Request, string]> = [
      [{}, "link-protocol"],
      [{ signalSession: {} }, "invalid-option"],
      [{ signalSession: { signal: 65 } }, "invalid-option"],
      [{ signalSession: { signal: 9, sessionId: "x" } }, "no-such-session"],
      [{ stopSession: { signal: 65 } }, "invalid-option"],
      [{ resizeSession: { columns: 65_536, rows: 1 } }, "invalid-option"],
      [{ resizeSession: { columns: 1, rows: 65_536 } }, "invalid-option"],
      [{ resizeSession: { sessionId: execId() } }, "no-such-session"],
      [{ updateRestartPolicy: { kind: 4 } }, "invalid-option"],
      [{ unpause: {} }, "conflict"],
      [exec({ id: "" }), "invalid-option"],
      [exec({ id: "../../x" }), "invalid-option"],
      [exec({ id: "A".repeat(64) }), "invalid-option"],
      [exec({ args: [] }), "invalid-option"],
      [exec({ args: [Buffer.from("a\0b")] }), "invalid-option"],
      [exec({ env: [Buffer.from("A=\0")] }), "invalid-option"],
      [exec({ workingDirectory: Buffer.from("tmp") }), "working-directory"],
      [exec({ workingDirectory: Buffer.from("/a\0b") }), "invalid-option"],
      [exec({ columns: 65_536, rows: 1 }), "invalid-option"],
    ];
    for (const [request, code] of table) refused(control, request, code);
    assert.equal(events.after(0).length, before);
    assert.equal(sessions.entries.length, 1);
  });

  it("limit the container's processes", async () => {
    const limits: number[] = [];
    const control = controlRequests({ limitProcesses: (limit) => limits.push(limit) });
    await control.carryOut({ updatePidsLimit: { pidsLimit: 20 } });
    await control.carryOut({ updatePidsLimit: {} });
    assert.deepEqual(limits, [20, 0]);
  });

  it("limit the container's CPU time", async () => {
    const limits: number[] = [];
    const control = controlRequests({ limitCpus: (limit) => limits.push(limit) });
    await control.carryOut({ updateNanoCpus: { nanoCpus: 1_500_000_000 } });
    await control.carryOut({ updateNanoCpus: {} });
    refused(control, { updateNanoCpus: { nanoCpus: 2 ** 60 } }, "invalid-option");
    refused(control, { updateNanoCpus: { nanoCpus: -1 } }, "invalid-option");
    assert.deepEqual(limits, [1_500_000_000, 0]);
  });

  it("answer anything with an error of the catalogue at worst", async () => {
    const { control } = await running();
    const number = fc.oneof(fc.nat(100), fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }));
    const request = fc.oneof(
      fc.record({ resizeSession: fc.record({ sessionId: fc.string(), columns: number, rows: number }) }),
      fc.record({ signalSession: fc.record({ sessionId: fc.string({ minLength: 1 }), signal: number }) }),
      fc.record({ createExec: fc.record({ id: fc.string(), args: fc.array(fc.uint8Array()) }) }),
      fc.record({ updateRestartPolicy: fc.record({ kind: number, maximumRetryCount: number }) }),
    );
    fc.assert(
      fc.property(request, (asked) => {
        try {
          void control.carryOut(asked);
        } catch (error) {
          assert.ok(error instanceof TetherError && error.code !== "internal", String(error));
        }
      }),
    );
  });

  it("fit into a message, however much there is to tell", async () => {
    const container = await running({ main: { args: [...shell("sleep 1000"), Buffer.alloc(100_000, "m")] } });
    for (let index = 0; index < 40; index++) {
      const id = execId();
      const args = [Buffer.from("nosuchcommand"), Buffer.alloc(60_000, "x")];
      await container.control.carryOut({ createExec: { id, args } });
      await container.sessions.find(id).session.outcome;
    }
    // As many events as are kept.
    for (let index = 0; index < 2048; index++)
      container.events.record({ execCreated: { args: words("command", "argument") } }, execId());
    const answer = snapshot(container.control);
    const bytes = encodeMessage({ reply: { id: 1, snapshot: answer } }).length;
    assert.ok(bytes < MAX_MESSAGE_BYTES, `${bytes} bytes`);
    assert.equal(answer.sessions?.length, 41);
    assert.equal(answer.events?.length, 2048);
  }).timeout(20_000);
});

describe("a control channel that is not read", () => {
  it("is closed before it fills the agent's memory", async () => {
    const events = new EventLog();
    const control = controlRequests({ subscribe: (listener) => events.subscribe(listener) });
    const [near, far] = duplexPair();
    serveControl(far, control);
    const closed = once(far, "close");
    for (let index = 0; index < 200_000 && !far.destroyed; index++)
      events.record({ execCreated: { args: words("x".repeat(100)) } }, execId());
    await closed;
    assert.ok(far.writableLength <= 4 * 1024 * 1024);
    near.destroy();
  });
});
