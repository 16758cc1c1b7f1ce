import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { identifyProcess } from "../../../../src/hypervisor/index.ts";
import { ProcessLock } from "../../../../src/portlayer/storage/process-lock.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const LOCK = new URL("../../../../src/portlayer/storage/process-lock.ts", import.meta.url).href;

describe("a lock between processes", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "lock");

  it("is had by one at a time", async () => {
    const first = ProcessLock.try(path());
    assert(first !== undefined);
    assert.equal(ProcessLock.try(path()), undefined);
    let isHad = false;
    const second = ProcessLock.acquire(path()).then((lock) => {
      isHad = true;
      return lock;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(isHad, false);
    first[Symbol.dispose]();
    (await second)[Symbol.dispose]();
    assert(ProcessLock.try(path()) !== undefined);
  });

  it("is seen by others, who do not take it", () => {
    assert.equal(ProcessLock.isTaken(path()), false);
    const first = ProcessLock.try(path());
    assert.deepEqual([ProcessLock.isTaken(path()), first?.isHeld], [true, true]);
    first?.[Symbol.dispose]();
    assert.equal(ProcessLock.isTaken(path()), false);
    symlinkSync("1:never", join(path(), "2"));
    assert.equal(ProcessLock.isTaken(path()), false);
    assert.deepEqual(readdirSync(path()).sort(), ["1", "2"]);
  });

  it("is not given back twice", () => {
    const first = ProcessLock.try(path());
    first?.[Symbol.dispose]();
    const second = ProcessLock.try(path());
    assert(second !== undefined);
    first?.[Symbol.dispose]();
    assert.equal(ProcessLock.try(path()), undefined);
    assert.deepEqual([first?.isHeld, second.isHeld], [false, true]);
  });

  it("dies with its holder, also when the number of its process is another's now", () => {
    for (const [index, holder] of [`${process.pid}:1`, "999999999:77", "rubbish"].entries()) {
      const each = join(folder.path, `lock-${index}`);
      mkdirSync(each);
      symlinkSync(holder, join(each, "7"));
      const lock = ProcessLock.try(each);
      assert(lock !== undefined, holder);
      assert.deepEqual(readdirSync(each), ["8"]);
    }
  });

  it("is not had by one who makes a number that was had long ago", () => {
    mkdirSync(path());
    const { pid, startTime } = identifyProcess(process.pid) ?? assert.fail();
    symlinkSync(`${pid}:${startTime}`, join(path(), "9"));
    symlinkSync("nobody", join(path(), "3"));
    assert.equal(ProcessLock.try(path()), undefined);
  });

  it("can be waited for no longer than is wanted", async () => {
    using _lock = ProcessLock.try(path());
    const signal = AbortSignal.timeout(20);
    await assert.rejects(ProcessLock.acquire(path(), signal), (error) => error === signal.reason);
  });

  it("cannot be had of what is gone", () => {
    rmSync(folder.path, { recursive: true });
    assert.throws(() => ProcessLock.try(path()), { code: "ENOENT" });
    mkdirSync(folder.path);
  });

  it("keeps several processes from each other, some of which are killed while they have it", async function () {
    this.timeout(30_000);
    // Whoever has the lock makes a folder and takes it away again: two at a time would meet.
    const script = `
      import { mkdirSync, rmdirSync, existsSync } from "node:fs";
      import { ProcessLock } from ${JSON.stringify(LOCK)};
      const [lock, inside, isKilled] = process.argv.slice(1);
      for (let round = 0; round < 30; round++) {
        using held = await ProcessLock.acquire(lock);
        mkdirSync(inside);
        await new Promise((resolve) => setTimeout(resolve, 1));
        rmdirSync(inside);
        if (isKilled === "yes" && round === 5) process.kill(process.pid, "SIGKILL");
      }
      console.log("done");`;
    const outputs = ["no", "yes", "no", "yes"].map((isKilled) => {
      const args = ["--input-type=module", "-e", script, path(), join(folder.path, "inside"), isKilled];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      return text(child.stdout);
    });
    assert.deepEqual(await Promise.all(outputs), ["done\n", "", "done\n", ""]);
  });
});
