import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { FATAL_SIGNALS } from "../../../src/system/crash-plan.ts";
import { EVERY_NAMESPACE } from "./linux.ts";

/** Together more than 50 crashes; 50 of each signal are `CRASH_ROUNDS=50`, which takes two minutes. */
const ROUNDS_PER_SIGNAL = Number(process.env["CRASH_ROUNDS"] ?? 8);

/** An agent comes back within a second, on a busy machine within a few. */
const READY_LIMIT_MS = 20_000;

/** Numbered lines at some megabytes a second. */
const BURSTS = `#!/bin/sh
burst=0
while [ ! -e $(dirname $0)/enough ]; do
  burst=$((burst + 1))
  seq \${burst}00001 \${burst}10000
  sleep 0.02
done
`;

/** Takes its input with pauses, so that it is full most of the time. */
const COLLECT = `#!/bin/sh
folder=$(dirname $0)
exec >$folder/collected
while [ ! -e $folder/input.total ]; do
  head -c 100000
  sleep 0.01
done
exec cat
`;

/** 2.8 MB without repetition. */
const PATTERN = Buffer.from(Array.from({ length: 400_000 }, (_, line) => `${line}\n`).join(""));

describe("a crash of PID 1", function () {
  this.timeout(300_000);
  let folder: string;
  let agent: ChildProcess;
  /** The agent itself, as this process knows it. */
  let pid = 0;
  let errorOutput = "";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "crash-"));
  });

  afterEach(async () => {
    if (agent.exitCode === null) process.kill(pid, "SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  it("by each fatal signal, again and again, loses no byte of output or input and no status", async () => {
    await startAgent();
    await crashEnough();
    writeFileSync(join(folder, "enough"), "");
    while (!existsSync(join(folder, "done"))) await sleep(20);
    for (const file of ["pipe-1", "pipe-2", "terminal"]) checkOutput(file);
    checkInput();
    checkStatuses();
  });

  async function startAgent(): Promise<void> {
    writeFileSync(join(folder, "bursts.sh"), BURSTS, { mode: 0o755 });
    writeFileSync(join(folder, "collect.sh"), COLLECT, { mode: 0o755 });
    writeFileSync(join(folder, "pattern"), PATTERN);
    const script = fileURLToPath(import.meta.resolve("../../support/crashing-agent.ts"));
    agent = spawn("unshare", [...EVERY_NAMESPACE, process.execPath, script, folder], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    agent.stderr?.on("data", (chunk: Buffer) => (errorOutput += chunk.toString()));
    const children = `/proc/${agent.pid}/task/${agent.pid}/children`;
    for (pid = 0; pid === 0; pid = Number(readFileSync(children, "utf8"))) await sleep(5);
  }

  /** Most come some time after it has begun its work, some while it starts, when the kernel may ignore them. */
  async function crashEnough(): Promise<void> {
    for (let sent = 0; ; sent++) {
      if (sent % 7 !== 6) await untilReady();
      await sleep(Math.random() * 40);
      assert.equal(agent.exitCode, null, `the agent has ended: ${errorOutput}`);
      const rarest = FATAL_SIGNALS.toSorted((a, b) => crashesBy(a) - crashesBy(b))[0] ?? 0;
      if (crashesBy(rarest) >= ROUNDS_PER_SIGNAL) return;
      process.kill(pid, rarest);
      // At the same time on several threads.
      if (sent % 5 === 4) for (const signal of FATAL_SIGNALS) process.kill(pid, signal);
    }
  }

  /** Until the latest incarnation, which knows how many crashes went before, has installed its handler. */
  async function untilReady(): Promise<void> {
    const until = Date.now() + READY_LIMIT_MS;
    while (text("ready") !== String(lines("crashes").length)) {
      assert.ok(Date.now() < until, "the agent did not come back");
      await sleep(2);
    }
  }

  function crashesBy(signal: number): number {
    const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
    return lines("crashes").filter((line) => line === name).length;
  }

  /** The same bursts as were printed, and as many as were counted. */
  function checkOutput(file: string): void {
    const output = text(file);
    assert.equal(output.length, Number(text(`${file}.total`)), file);
    const bursts = Math.floor(Number(output.trimEnd().split("\n").at(-1)) / 100_000);
    let offset = 0;
    for (let burst = 1; burst <= bursts; burst++) {
      const expected = Array.from({ length: 10_000 }, (_, line) => `${burst * 100_000 + line + 1}\n`).join(
        "",
      );
      assert.ok(output.startsWith(expected, offset), `${file} differs in burst ${burst}`);
      offset += expected.length;
    }
    assert.equal(output.length, offset, file);
  }

  function checkInput(): void {
    const collected = readFileSync(join(folder, "collected"));
    assert.equal(collected.length, Number(text("input.total")));
    for (let offset = 0; offset < collected.length; offset += PATTERN.length) {
      const piece = collected.subarray(offset, offset + PATTERN.length);
      assert.ok(piece.equals(PATTERN.subarray(0, piece.length)), `the input differs behind ${offset}`);
    }
  }

  function checkStatuses(): void {
    const { started, statuses } = JSON.parse(text("state.json")) as {
      started: number;
      statuses: [number, number][];
    };
    assert.equal(statuses.length, started);
    for (const [expected, seen] of statuses) assert.equal(seen, expected);
  }

  function lines(file: string): string[] {
    return text(file).split("\n").filter(Boolean);
  }

  function text(file: string): string {
    return existsSync(join(folder, file)) ? readFileSync(join(folder, file), "latin1") : "";
  }
});
