import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { encodeLogRecord } from "../../../../../src/protocol/log/index.ts";
import {
  beginRun,
  readLog,
  readRecordedEvents,
  removeLog,
  rotateIfNeeded,
  type SwitchLogFile,
} from "../../../../../src/portlayer/interaction/log/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the rotation of a log", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const limit = { maxBytes: 1000, maxFiles: 3 };
  const fill = (text: string): void => writeFileSync(path(), text.padEnd(800));
  /** But for the index of what was in them. */
  const files = (): string[] =>
    readdirSync(folder.path)
      .filter((name) => name !== "log.events")
      .sort();
  const first = (name: string): string => readFileSync(join(folder.path, name), "utf8").trim();

  /** QEMU: makes the new file. */
  const switchFile: SwitchLogFile = (file, prepare) => {
    const isPrepared = prepare();
    if (isPrepared) appendFileSync(file, "");
    return Promise.resolve(isPrepared);
  };

  it("keeps as many files as are wanted, and tells the guest each time", async () => {
    let told = 0;
    const tellGuest = (): Promise<void> => Promise.resolve(void told++);
    for (const text of ["a", "b", "c", "d"]) {
      fill(text);
      assert.equal(await rotateIfNeeded({ path: path(), limit, switchFile, tellGuest }), true);
    }
    assert.equal(await rotateIfNeeded({ path: path(), limit, switchFile, tellGuest }), false);
    assert.deepEqual([told, files()], [4, ["log", "log.1", "log.2"]]);
    assert.deepEqual([first("log"), first("log.1"), first("log.2")], ["", "d", "c"]);
    fill("e");
    await rotateIfNeeded({ path: path(), limit: { maxBytes: 1000, maxFiles: 1 }, switchFile, tellGuest });
    assert.deepEqual(files(), ["log"]);
  });

  it("is not for a log without limit, nor for a small one", async () => {
    const never = (): never => assert.fail();
    fill("a");
    const parts = { path: path(), switchFile: never, tellGuest: never };
    assert.equal(await rotateIfNeeded({ ...parts, limit: { maxBytes: 0, maxFiles: 1 } }), false);
    assert.equal(await rotateIfNeeded({ ...parts, limit: { maxBytes: 2000, maxFiles: 1 } }), false);
  });

  it("that failed is undone, and completed by the next visitor", async () => {
    fill("a");
    const failing: SwitchLogFile = (_, prepare) => {
      prepare();
      return Promise.reject(new Error("no space"));
    };
    const parts = { path: path(), limit, tellGuest: () => Promise.resolve() };
    await assert.rejects(rotateIfNeeded({ ...parts, switchFile: failing }), /no space/);
    assert.equal(first("log"), "a");
    await rotateIfNeeded({ ...parts, switchFile });
    assert.equal(first("log.1"), "a");
  });

  it("is completed when its visitor was killed at any step", async () => {
    let told = 0;
    const tellGuest = (): Promise<void> => Promise.resolve(void told++);
    const parts = { path: path(), limit, switchFile };
    fill("a");
    await assert.rejects(rotateIfNeeded({ ...parts, tellGuest: () => Promise.reject(new Error("no link")) }));
    assert.deepEqual([first("log"), first("log.1")], ["", "a"]);
    await rotateIfNeeded({ ...parts, tellGuest });
    assert.equal(told, 1);
    fill("b");
    writeFileSync(`${path()}.rotating`, "");
    renameSync(`${path()}.1`, `${path()}.2`);
    renameSync(path(), `${path()}.1`);
    await rotateIfNeeded({ ...parts, tellGuest });
    assert.deepEqual([told, first("log"), first("log.1"), first("log.2")], [2, "", "b", "a"]);
    assert.equal(existsSync(`${path()}.rotating`), false);
  });

  it("is done by one of many visitors", async () => {
    fill("a");
    let told = 0;
    const tellGuest = (): Promise<void> => Promise.resolve(void told++);
    await Promise.all([1, 2, 3].map(() => rotateIfNeeded({ path: path(), limit, switchFile, tellGuest })));
    assert.deepEqual(files(), ["log", "log.1"]);
    assert.ok(told >= 1);
  });

  it("leaves nothing of a removed log", () => {
    for (const name of ["log", "log.1", "log.22", "log.rotating", "log.events"])
      writeFileSync(join(folder.path, name), "");
    removeLog(path());
    assert.deepEqual(readdirSync(folder.path), []);
  });
});

describe("a run's beginning", () => {
  const folder = useTemporaryFolder();
  const path = (): string => join(folder.path, "log");
  const limit = { maxBytes: 0, maxFiles: 1 };
  const started = encodeLogRecord({ event: { started: { pid: 7 } } });
  const kinds = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { kind } of readLog(path())) found.push(kind);
    return found;
  };

  it("is marked behind the last whole record, wherever the last run was cut", async () => {
    for (let cut = 0; cut <= started.length; cut++) {
      rmSync(path(), { force: true });
      writeFileSync(path(), Buffer.concat([started, started.subarray(0, cut)]));
      assert.equal(beginRun(path(), limit), readFileSync(path()).length);
      const whole = cut === started.length ? ["event", "event"] : ["event"];
      assert.deepEqual(await kinds(), [...whole, "run-begun"]);
    }
  });

  it("makes the log, and rotates a full one", async () => {
    beginRun(path(), limit);
    assert.deepEqual(await kinds(), ["run-begun"]);
    writeFileSync(path(), Buffer.concat([started, started]));
    beginRun(path(), { maxBytes: started.length, maxFiles: 2 });
    assert.deepEqual(readFileSync(`${path()}.1`), Buffer.concat([started, started]));
    assert.deepEqual(await kinds(), ["event", "event", "run-begun"]);
  });

  it("divides the events of one run from those of another", () => {
    writeFileSync(path(), started);
    beginRun(path(), limit);
    assert.deepEqual(readRecordedEvents(path()), []);
    appendFileSync(path(), encodeLogRecord({ event: { sequence: 1, failed: { error: { code: "x" } } } }));
    const output = encodeLogRecord({ output: { data: Buffer.alloc(16_000) } });
    appendFileSync(path(), Buffer.alloc(output.length * 500, output));
    appendFileSync(path(), encodeLogRecord({ event: { sequence: 2, exited: { code: 3 } } }));
    assert.deepEqual(
      readRecordedEvents(path()).map(({ sequence }) => sequence),
      [1, 2],
    );
  });
});
