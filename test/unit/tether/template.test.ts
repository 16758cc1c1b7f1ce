import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import type { Socket } from "node:net";
import { mock } from "node:test";
import { SystemCallError } from "../../../src/system/system-call-error.ts";
import type { BridgeEvents } from "../../../src/system/system.ts";
import { correctClock, type LinkQueue, waitToBeForked } from "../../../src/tether/template.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { RecordingSystem } from "../../support/recording-system.ts";

/** Nobody waits for it in a test. */
const LONG_MS = 60_000;

describe("a template", () => {
  let system: RecordingSystem;
  /** What happened, in order. */
  let history: string[];
  let sockets: Map<number, Socket>;
  beforeEach(() => {
    history = [];
    sockets = new Map();
    system = new RecordingSystem()
      .answer("bridgeDevice", () => {
        history.push("link opened");
        return { close: () => Promise.resolve() };
      })
      .answer("adoptStream", (descriptor) => {
        const socket = new PassThrough() as unknown as Socket;
        sockets.set(descriptor, socket);
        return socket;
      });
  });

  const wait = ({ limitMs = LONG_MS } = {}): Promise<LinkQueue> => {
    const detachDevices = (): (() => void) => {
      history.push("devices detached");
      return () => void history.push("devices attached");
    };
    const report = (error: Error): void => void history.push(`reported: ${error.message}`);
    return waitToBeForked(system, report, { limitMs, detachDevices });
  };
  const link = (): BridgeEvents => {
    const [call] = system.argumentsOf("bridgeDevice");
    assert.ok(call !== undefined);
    return call[1];
  };
  /** What the server got, by the descriptors of the connections. */
  const serve = (queue: LinkQueue): number[] => {
    const served: number[] = [];
    queue.serve((socket) => {
      const [descriptor = -1] = [...sockets].find(([, each]) => each === socket) ?? [];
      served.push(descriptor);
    });
    return served;
  };

  it("gives its devices away before it opens the link: then it may be stopped", async () => {
    const woken = wait();
    assert.deepEqual(history, ["devices detached", "link opened"]);
    link().onConnection(7);
    await woken;
  });

  it("waits until somebody opens the link's other end, and then takes the fork's devices", async () => {
    let isAwake = false;
    const woken = wait().then((queue) => {
      isAwake = true;
      return queue;
    });
    await new Promise(setImmediate);
    assert.equal(isAwake, false);
    link().onConnection(7);
    await woken;
    assert.deepEqual(history, ["devices detached", "link opened", "devices attached"]);
  });

  it("keeps the connections that come before there is a server, and hands on those that come later", async () => {
    const woken = wait();
    link().onConnection(7);
    const queue = await woken;
    link().onConnection(8);
    const served = serve(queue);
    assert.deepEqual(served, [7, 8]);
    link().onConnection(9);
    assert.deepEqual(served, [7, 8, 9]);
  });

  it("fails when its link does, and takes no devices", async () => {
    const woken = wait();
    link().onError(new SystemCallError("EIO", -5, "read", "made to fail", "/dev/vport1p1"));
    await assert.rejects(woken, catalogueError("guest-initialisation", /^the link failed/));
    assert.deepEqual(history.slice(0, 2), ["devices detached", "link opened"]);
    assert.match(history[2] ?? "", /^reported: .*made to fail/);
    assert.equal(history.length, 3);
  });

  it("fails when there is no link", async () => {
    system.fail("bridgeDevice", "ENOENT");
    await assert.rejects(wait(), catalogueError("guest-initialisation", /^opening the link /));
  });

  it("only reports a link that fails later: the host connects anew", async () => {
    const woken = wait();
    link().onConnection(7);
    const queue = await woken;
    link().onError(new SystemCallError("EIO", -5, "read", "made to fail"));
    assert.match(history.at(-1) ?? "", /^reported: /);
    link().onConnection(8);
    assert.deepEqual(serve(queue), [7, 8]);
  });

  it("does not wait for ever", async () => {
    await assert.rejects(
      wait({ limitMs: 1 }),
      catalogueError("guest-initialisation", /^the template was never forked$/),
    );
  });
});

describe("the clock of a fork", () => {
  const NOW_MS = Date.UTC(2026, 10, 21);
  beforeEach(() => mock.timers.enable({ apis: ["Date"], now: NOW_MS }));
  afterEach(() => mock.timers.reset());
  const correct = (milliseconds: number): readonly (readonly [number])[] => {
    const system = new RecordingSystem();
    correctClock(system, milliseconds);
    return system.argumentsOf("setClock");
  };

  it("is set to the host's, forwards and backwards", () => {
    for (const difference of [11, -11, 3_600_000, -3_600_000])
      assert.deepEqual(correct(NOW_MS + difference), [[NOW_MS + difference]]);
  });

  it("is left alone when it is right to 10 ms", () => {
    for (const difference of [0, 10, -10]) assert.deepEqual(correct(NOW_MS + difference), []);
  });
});
