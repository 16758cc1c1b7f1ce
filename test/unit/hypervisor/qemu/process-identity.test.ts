import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess, isRunning } from "../../../../src/hypervisor/index.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** A process whose first thread has ended says so, and goes on until its input ends. */
const OUTLIVES_ITS_FIRST_THREAD = `
import ctypes, os, sys, threading
def stay():
    while " Z " not in open("/proc/self/stat").read().rpartition(")")[2]: pass
    os.write(1, b"first thread has ended")
    os.read(0, 1)
    os._exit(0)
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall(60, 0)
`;

describe("a process's identity", () => {
  const folder = useTemporaryFolder();
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  it("is that of a process that runs", () => {
    const own = identifyProcess(process.pid);
    assert.ok(own !== undefined && isRunning(own));
    const start = readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ")[19];
    assert.equal(own.startTime, start);
  });

  it("is none when there is no such process", () => {
    assert.equal(identifyProcess(2 ** 22 + 1), undefined);
    assert.equal(identifyProcess(0), undefined);
    assert.equal(identifyProcess(-1), undefined);
  });

  it("is not that of a later process with the same number", () => {
    const own = identifyProcess(process.pid);
    assert.equal(isRunning({ pid: process.pid, startTime: `${Number(own?.startTime) - 1}` }), false);
  });

  it("is found though the program's name looks like the kernel's own text", async () => {
    const program = join(folder.path, "a) Z 1 (b");
    copyFileSync("/bin/sleep", program);
    const child = spawn(program, ["60"]);
    children.push(child);
    await once(child, "spawn");
    const identity = identifyProcess(child.pid ?? 0);
    assert.ok(identity !== undefined && isRunning(identity));
    assert.match(identity.startTime, /^\d+$/);
  });

  it("is over with the process, though it may still be a zombie", async () => {
    // Once the shell has become sleep(1), nobody waits for its child.
    const parent = spawn("/bin/sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
    children.push(parent);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const identity = identifyProcess(Number(line.toString()));
    assert.ok(identity !== undefined && isRunning(identity));
    while (readFileSync(`/proc/${parent.pid}/comm`, "latin1") !== "sleep\n") await new Promise(setImmediate);
    process.kill(identity.pid, "SIGKILL");
    while (isRunning(identity)) await new Promise(setImmediate);
    assert.equal(identifyProcess(identity.pid), undefined);
    assert.match(readFileSync(`/proc/${identity.pid}/stat`, "latin1"), /\) Z /);
  });

  it("is not over with its first thread: another one has its files open still", async () => {
    const child = spawn("python3", ["-c", OUTLIVES_ITS_FIRST_THREAD], { stdio: ["pipe", "pipe", "inherit"] });
    children.push(child);
    const identity = identifyProcess(child.pid ?? 0);
    assert.ok(identity !== undefined);
    await once(child.stdout, "data");
    assert.match(readFileSync(`/proc/${identity.pid}/stat`, "latin1"), /\) Z /);
    assert.ok(isRunning(identity));
    child.stdin.end();
    await once(child, "exit");
    assert.equal(isRunning(identity), false);
  });
});
