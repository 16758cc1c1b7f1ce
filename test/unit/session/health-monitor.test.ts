import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type HealthCheck, readProcesses } from "../../../src/session/index.ts";
import { type NativeContainer, useNativeContainers } from "../../support/native-container.ts";
import { shell } from "../../support/native-session.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const check = (script: string, changes: Partial<HealthCheck> = {}): HealthCheck => ({
  args: shell(script),
  intervalMs: 20,
  timeoutMs: 5000,
  startPeriodMs: 0,
  startIntervalMs: 10,
  retries: 2,
  ...changes,
});
const STATUSES = ["starting", "healthy", "unhealthy"];

describe("a container's health", () => {
  const make = useNativeContainers();
  const folder = useTemporaryFolder();

  const until = async (container: NativeContainer, status: string): Promise<void> => {
    await container.event(({ health }) => Boolean(health) && STATUSES[health?.status ?? 0] === status);
  };
  const results = async (container: NativeContainer, count: number): Promise<readonly unknown[]> => {
    for (;;) {
      const all = container.sessions.health?.results ?? [];
      if (all.length >= count) return all;
      await delay(5);
    }
  };

  it("is starting, and healthy after the first check that succeeds, with what that printed", async () => {
    const container = make({ health: check("printf out; printf error >&2; id -u", { intervalMs: 50 }) });
    await container.event(({ started }) => Boolean(started));
    const first = container.sessions.health;
    assert.deepEqual(first, { status: "starting", failingStreak: 0, results: [] });
    const before = Date.now();
    await until(container, "healthy");
    const [result] = container.sessions.health?.results ?? [];
    assert.equal(result?.exitCode, 0);
    assert.deepEqual(result.output.toString().replace("error", "").trim(), "out0");
    assert.ok(result.output.includes("error"));
    assert.ok(result.startMs >= before && result.endMs >= result.startMs && result.endMs <= Date.now());
  });

  it("is unhealthy after so many failures in a row, and healthy after one success", async () => {
    const file = join(folder.path, "well");
    const container = make({ health: check(`test -e ${file}`, { retries: 3 }) });
    await until(container, "unhealthy");
    assert.ok((container.sessions.health?.failingStreak ?? 0) >= 3);
    assert.equal(container.sessions.health?.results[2]?.exitCode, 1);
    writeFileSync(file, "");
    await until(container, "healthy");
    assert.equal(container.sessions.health?.failingStreak, 0);
    rmSync(file);
    const { length } = container.events.after(0);
    while (container.events.after(0).length === length) await delay(5);
    assert.deepEqual(
      container.events.after(0).flatMap(({ health }) => (health ? [STATUSES[health.status ?? 0]] : [])),
      ["unhealthy", "healthy", "unhealthy"],
    );
  });

  it("does not suffer from failures during the start period, in which checks are more frequent", async () => {
    const container = make({
      health: check("false", { startPeriodMs: 60_000, intervalMs: 60_000, retries: 1 }),
    });
    await results(container, 3);
    assert.deepEqual(
      [container.sessions.health?.status, container.sessions.health?.failingStreak],
      ["starting", 0],
    );
  });

  it("keeps the last five results, and 4096 bytes of each one's output", async () => {
    const container = make({ health: check(`date +%s%N; head -c 100000 /dev/zero`) });
    const [first] = (await results(container, 5)) as ReadonlyArray<{ output: Buffer }>;
    assert.equal(first?.output.length, 4096);
    const before = container.sessions.health?.results.at(-1);
    while (container.sessions.health?.results[0] !== before) await delay(5);
    assert.equal(container.sessions.health?.results.length, 5);
  });

  it("keeps all of a short output, however it was written", async () => {
    const container = make({ health: check("for each in 1 2 3 4 5 6 7 8 9; do echo $each; done") });
    for (const result of (await results(container, 5)) as ReadonlyArray<{ output: Buffer }>)
      assert.equal(result.output.toString(), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  });

  it("suffers from a check that runs too long, which is ended, and from one that cannot start", async () => {
    const slow = make({ health: check("echo $$; exec sleep 1000", { timeoutMs: 150, retries: 1 }) });
    await until(slow, "unhealthy");
    const [result] = slow.sessions.health?.results ?? [];
    assert.equal(result?.exitCode, -1);
    const [, pid] =
      /^Health check exceeded timeout \(0\.15s\): (\d+)\n$/.exec(result.output.toString()) ?? [];
    assert.deepEqual(readProcesses([Number(pid)]), []);

    const broken = make({ health: { ...check(""), args: [Buffer.from("nosuchcommand")], retries: 1 } });
    await until(broken, "unhealthy");
    assert.match(broken.sessions.health?.results[0]?.output.toString() ?? "", /not found/);
  });

  it("is checked on though the time is up before a check has even started", async () => {
    const container = make({ health: check("exec sleep 1000", { timeoutMs: 1, retries: 3 }) });
    await until(container, "unhealthy");
  });

  it("names the signal that ended a check as a shell does", async () => {
    const container = make({ health: check("kill -TERM $$") });
    await results(container, 1);
    assert.equal(container.sessions.health?.results[0]?.exitCode, 143);
  });

  it("does not lose the exit of a main process that ends in the same moment as a check", async () => {
    const checked = join(folder.path, "checked");
    const over = join(folder.path, "over");
    const wait = `until [ -e ${over} ]; do :; done`;
    const container = make({
      main: { args: shell(`${wait}; exit 3`) },
      health: check(`echo $$ > ${checked}; ${wait}`),
    });
    const { started } = await container.event((event) => Boolean(event.started));
    const main = started?.pid ?? 0;
    const pidOfCheck = (): number => (existsSync(checked) ? Number(readFileSync(checked, "utf8")) : 0);
    while (pidOfCheck() === 0) await delay(5);
    writeFileSync(over, "");
    // Both have ended before this process looks.
    const isZombie = (pid: number): boolean => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") Z ");
    while (!isZombie(main) || !isZombie(pidOfCheck())) continue;
    assert.deepEqual(await container.sessions.ended, { code: 3, signal: 0, coreDumped: false });
  });

  it("is not checked while the container is paused", async () => {
    const container = make({ health: check("true") });
    await until(container, "healthy");
    await container.sessions.pause();
    await delay(50);
    const before = container.sessions.health?.results;
    await delay(100);
    assert.deepEqual(container.sessions.health?.results, before);
    container.sessions.unpause();
    while (container.sessions.health?.results.at(-1) === before?.at(-1)) await delay(5);
    assert.equal(container.sessions.health?.status, "healthy");
  });

  it("ends with the container: no check goes on", async () => {
    const file = join(folder.path, "pid");
    const container = make({
      health: check(`echo $$ >${file}.new; mv ${file}.new ${file}; exec sleep 1000`),
    });
    const read = (): number => Number(readFile(file));
    while (read() === 0) await delay(5);
    container.sessions.stop(0, undefined);
    await container.sessions.ended;
    while (readProcesses([read()]).length > 0) await delay(5);
    await delay(50);
    assert.deepEqual(container.sessions.health?.results, []);
  });

  it("begins anew when the process is started again", async () => {
    const container = make({ health: check("true"), restart: { kind: "always", maximumRetryCount: 0 } });
    await until(container, "healthy");
    container.sessions.signal("", 9, false);
    await container.event(({ restarting }) => Boolean(restarting));
    const healthy = (): number => container.events.after(0).filter(({ health }) => health).length;
    while (healthy() < 2) await delay(5);
  });
});

const readFile = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
