import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../../../src/hypervisor/index.ts";
import { identifyProcess, QemuDriver } from "../../../../src/hypervisor/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { machineSpecification } from "../../../support/machine-specification.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** A QEMU of the test's own: it says where it is, then does as the script says. */
const HEAD = `#!${process.execPath}
const { createConnection, createServer } = require("node:net");
const { writeFileSync } = require("node:fs");
writeFileSync("pid", String(process.pid));
const call = (onLine) => {
  const socket = createConnection("start.sock");
  socket.write(JSON.stringify({ QMP: {} }) + "\\n");
  socket.on("data", (data) => data.toString().trim().split("\\n").forEach((line) => onLine(JSON.parse(line), socket)));
  return socket;
};
`;

describe("the QEMU driver", () => {
  const folder = useTemporaryFolder();
  const machines: Machine[] = [];
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  before(() => process.on("unhandledRejection", onUnhandled));
  after(() => process.off("unhandledRejection", onUnhandled));
  afterEach(async () => {
    // They are reported in the turn after.
    await new Promise(setImmediate);
    assert.deepEqual(unhandled.splice(0), []);
  });
  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.destroy();
  });

  const program = (script: string, head = HEAD): QemuDriver => {
    const path = join(folder.path, "fake-qemu");
    writeFileSync(path, head + script);
    chmodSync(path, 0o755);
    return new QemuDriver(path);
  };
  const start = async (
    driver: QemuDriver,
    signal = new AbortController().signal,
    name = "machine",
  ): Promise<Machine> => {
    const state = join(folder.path, name);
    mkdirSync(state);
    const machine = await driver.start(machineSpecification(state), { signal });
    machines.push(machine);
    return machine;
  };
  const pid = (): number => Number(readFileSync(join(folder.path, "machine/pid"), "utf8"));
  const READY = `call((line, socket) => socket.write(JSON.stringify({ return: {} }) + "\\n"));`;

  it("starts a machine that calls back, in a process group of its own", async () => {
    const machine = await start(program(READY));
    assert.equal(machine.pid, pid());
    assert.ok(identifyProcess(machine.pid) !== undefined);
    const session = readFileSync(`/proc/${machine.pid}/stat`, "latin1").split(") ")[1]?.split(" ")[3];
    assert.equal(Number(session), machine.pid);
    assert.equal(existsSync(join(folder.path, "machine/start.sock")), false);
  });

  it("starts a machine in a folder whose path is longer than a socket's may be", async () => {
    const long = "d".repeat(120);
    const machine = await start(program(READY), undefined, long);
    assert.ok(identifyProcess(machine.pid) !== undefined);
  });

  it("gives the machine nothing of its environment but the path", async () => {
    process.env["SECRET_OF_THE_TEST"] = "secret";
    try {
      await start(program(`writeFileSync("env", Object.keys(process.env).join(" "));${READY}`));
    } finally {
      delete process.env["SECRET_OF_THE_TEST"];
    }
    const names = readFileSync(join(folder.path, "machine/env"), "utf8").split(" ");
    assert.deepEqual(
      names.filter((name) => name !== "PATH" && !name.startsWith("NODE_V8")),
      [],
    );
  });

  it("says what QEMU said when that ends without a machine, and leaves nothing", async () => {
    const driver = program(
      `echo "qemu-system-x86_64: warning: a warning" >&2
       echo "qemu-system-x86_64: -drive file=x: Could not open 'x': No such file" >&2
       exit 1`,
      "#!/bin/sh\n",
    );
    await assert.rejects(
      start(driver),
      catalogueError(
        "hypervisor-failed",
        /^QEMU could not start the container VM: -drive file=x: Could not open 'x': No such file$/,
      ),
    );
    assert.equal(existsSync(join(folder.path, "machine/start.sock")), false);
  });

  it("says when QEMU ends without a reason, or by a signal", async () => {
    await assert.rejects(
      start(program("exit 0", "#!/bin/sh\n")),
      catalogueError("hypervisor-failed", /: it gave no reason$/),
    );
    const killed = program("kill -9 $$", "#!/bin/sh\n");
    await assert.rejects(
      start(killed, undefined, "killed"),
      catalogueError("hypervisor-failed", /: ended by SIGKILL$/),
    );
  });

  it("names the package when there is no QEMU", async () => {
    const missing = new QemuDriver(join(folder.path, "no-qemu"));
    await assert.rejects(
      start(missing),
      catalogueError("tool-missing", /no-qemu is not installed: apt-get install qemu-system-x86$/),
    );
    assert.equal(existsSync(join(folder.path, "machine/start.sock")), false);
  });

  it("says when the program cannot be executed", async () => {
    const path = join(folder.path, "plain");
    writeFileSync(path, "text");
    await assert.rejects(
      start(new QemuDriver(path)),
      catalogueError("hypervisor-failed", /^starting .*plain: .*EACCES/),
    );
  });

  const stuck: Readonly<Record<string, string>> = {
    "never calls back": 'writeFileSync("stuck", ""); setInterval(() => {}, 1000);',
    "calls back and never answers": 'call(() => writeFileSync("stuck", "")); setInterval(() => {}, 1000);',
  };
  for (const [what, script] of Object.entries(stuck)) {
    it(`kills a QEMU that ${what} when it is told to stop, and leaves nothing`, async () => {
      const abort = new AbortController();
      const starting = start(program(script), abort.signal);
      while (!existsSync(join(folder.path, "machine/stuck"))) await new Promise(setImmediate);
      const identity = identifyProcess(pid());
      assert.ok(identity !== undefined);
      const reason = new Error("told to stop");
      abort.abort(reason);
      await assert.rejects(starting, reason);
      assert.equal(identifyProcess(identity.pid), undefined);
      assert.equal(existsSync(join(folder.path, "machine/start.sock")), false);
    });
  }

  it("starts nothing when it was told to stop before", async () => {
    const reason = new Error("told to stop");
    await assert.rejects(start(program(READY), AbortSignal.abort(reason)), reason);
    assert.equal(existsSync(join(folder.path, "machine/pid")), false);
  });

  it("fails when QEMU refuses the first command", async () => {
    const refusing = program(
      `call((line, socket) => socket.write(JSON.stringify({ error: { desc: "no" } }) + "\\n"));`,
    );
    await assert.rejects(start(refusing), catalogueError("hypervisor-failed", /^QEMU: no$/));
    assert.equal(identifyProcess(pid()), undefined);
  });
});

describe("a machine", () => {
  const folder = useTemporaryFolder();
  let machine: Machine | undefined;
  afterEach(async () => {
    await machine?.destroy();
    machine = undefined;
  });

  const run = async (script: string): Promise<Machine> => {
    const path = join(folder.path, "fake-qemu");
    writeFileSync(path, HEAD + script);
    chmodSync(path, 0o755);
    machine = await new QemuDriver(path).start(machineSpecification(folder.path), {
      signal: new AbortController().signal,
    });
    return machine;
  };
  const answerThen = (messages: readonly object[]): string =>
    `call((line, socket) => {
       socket.write(JSON.stringify({ return: {} }) + "\\n");
       ${messages.map((message) => `socket.write(${JSON.stringify(`${JSON.stringify(message)}\n`)});`).join("")}
       socket.end(() => process.exit());
     });`;

  const ends: ReadonlyArray<readonly [string, readonly object[], string]> = [
    [
      "powered off when the guest did it",
      [{ event: "SHUTDOWN", data: { guest: true, reason: "guest-shutdown" } }],
      "powered-off",
    ],
    [
      "reset when the guest's kernel panicked",
      [{ event: "SHUTDOWN", data: { guest: true, reason: "guest-reset" } }],
      "reset",
    ],
    ["lost when QEMU says nothing", [], "lost"],
    [
      "lost when somebody told QEMU to quit",
      [{ event: "SHUTDOWN", data: { reason: "host-signal" } }],
      "lost",
    ],
    ["lost when QEMU's event says nothing", [{ event: "SHUTDOWN" }], "lost"],
  ];
  for (const [what, messages, reason] of ends) {
    it(`has ${what}`, async () => {
      assert.deepEqual(await (await run(answerThen(messages))).ended, { reason });
    });
  }

  it("is gone once it was destroyed, however often that is done", async () => {
    const running = await run(`call((line, socket) => socket.write('{"return":{}}\\n'));`);
    await Promise.all([running.destroy(), running.destroy()]);
    assert.equal(identifyProcess(running.pid), undefined);
    assert.deepEqual(await running.ended, { reason: "lost" });
    await running.destroy();
  });

  it("opens its link in its folder", async () => {
    const running = await run(
      `createServer((socket) => socket.end("hello")).listen("link.sock", () =>
         call((line, socket) => socket.write('{"return":{}}\\n')));`,
    );
    const socket = await running.connectLink();
    const [chunk] = (await once(socket, "data")) as [Buffer];
    assert.equal(chunk.toString(), "hello");
    socket.destroy();
  });

  it("has no link while nobody listens", async () => {
    const running = await run(`call((line, socket) => socket.write('{"return":{}}\\n'));`);
    await assert.rejects(running.connectLink(), { code: "ENOENT" });
  });
});
