import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KernelContainerCgroup } from "../../../src/init/container-cgroup.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

/** Where this machine may have cgroup v2: alone, or beside v1. */
const HIERARCHIES = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

const byNumber = (a: number, b: number): number => a - b;

describe("the container's cgroup", () => {
  let folder = "";
  const children: ChildProcess[] = [];
  before(function () {
    const root = HIERARCHIES.find((path) => existsSync(join(path, "cgroup.controllers")));
    // A cgroup of its own takes root and a hierarchy that can be written.
    if (root === undefined || process.getuid?.() !== 0) this.skip();
    folder = join(root, `tether-test-${process.pid}`);
    try {
      mkdirSync(folder);
    } catch {
      this.skip();
    }
    if (!existsSync(join(folder, "cgroup.kill"))) this.skip();
  });
  afterEach(async () => {
    if (existsSync(join(folder, "cgroup.freeze"))) writeFileSync(join(folder, "cgroup.freeze"), "0");
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
  });
  after(async () => {
    if (folder === "" || !existsSync(folder)) return;
    await new KernelContainerCgroup(folder).kill();
    rmdirSync(folder);
  });

  const start = (script: string, cgroup = folder): number => {
    const child = spawn("/bin/sh", ["-c", script], { stdio: "ignore" });
    children.push(child);
    writeFileSync(join(cgroup, "cgroup.procs"), String(child.pid));
    return child.pid ?? 0;
  };
  const isAlive = (pid: number): boolean =>
    !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

  it("has every process, those in cgroups of the container's making too, each once", () => {
    const below = join(folder, "below");
    mkdirSync(below);
    const pids = [start("exec sleep 100"), start("exec sleep 100"), start("exec sleep 100", below)];
    const cgroup = new KernelContainerCgroup(folder);
    assert.deepEqual(cgroup.processes().toSorted(byNumber), pids.toSorted(byNumber));
  });

  it("ends all of them at once, also those that multiply, that are frozen, and that do not hear SIGTERM", async () => {
    const cgroup = new KernelContainerCgroup(folder);
    start("trap '' TERM; while :; do sleep 0.01 & sleep 0.01; done");
    start("while :; do (sleep 0.05; sleep 0.05) & sleep 0.02; done");
    await delay(100);
    await cgroup.freeze();
    await cgroup.kill();
    assert.deepEqual(cgroup.processes(), []);
    cgroup.thaw();
    rmdirSync(join(folder, "below"));
  });

  it("is done with nobody to end", async () => {
    await new KernelContainerCgroup(folder).kill();
  });

  it("freezes every process and lets it go on", async () => {
    const cgroup = new KernelContainerCgroup(folder);
    const pid = start("while :; do :; done");
    await delay(50);
    await cgroup.freeze();
    const usedTicks = (): string => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[13] ?? "";
    const before = usedTicks();
    await delay(150);
    assert.equal(usedTicks(), before);
    cgroup.thaw();
    await delay(150);
    assert.notEqual(usedTicks(), before);
    assert.ok(isAlive(pid));
  });
});

describe("the container's count of kills for want of memory", () => {
  const folder = useTemporaryFolder();
  const write = (kills: number): void =>
    writeFileSync(join(folder.path, "memory.events"), `low 0\noom 9\noom_kill ${kills}\noom_group_kill 0\n`);

  it("is the kernel's, and each more is told once, until nobody listens", async () => {
    write(2);
    const cgroup = new KernelContainerCgroup(folder.path);
    assert.equal(cgroup.outOfMemoryKills(), 2);
    const told: number[] = [];
    const stop = cgroup.onOutOfMemory((kills) => told.push(kills));
    write(3);
    while (told.length < 1) await delay(5);
    // Something else has changed in the file.
    appendFileSync(join(folder.path, "memory.events"), "other 1\n");
    write(5);
    while (told.length < 2) await delay(5);
    stop();
    write(6);
    await delay(50);
    assert.deepEqual(told, [3, 5]);
  });

  it("is none where the kernel says nothing", () => {
    writeFileSync(join(folder.path, "memory.events"), "low 0\n");
    assert.equal(new KernelContainerCgroup(folder.path).outOfMemoryKills(), 0);
  });
});

describe("the end of a container's processes", () => {
  const folder = useTemporaryFolder();

  it("is asked for again until none is left: one may move in behind the first time", async () => {
    const file = (name: string): string => join(folder.path, name);
    writeFileSync(file("cgroup.events"), "populated 1\nfrozen 0\n");
    const ended = new KernelContainerCgroup(folder.path).kill();
    for (let time = 0; time < 3; time++) {
      while (readFileSync(file("cgroup.kill"), "utf8") !== "1") await delay(1);
      writeFileSync(file("cgroup.kill"), "");
    }
    writeFileSync(file("cgroup.events"), "populated 0\nfrozen 0\n");
    await ended;
  });
});
