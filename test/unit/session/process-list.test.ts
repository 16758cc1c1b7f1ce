import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readProcesses } from "../../../src/session/index.ts";
import { shell, useNativeSessions } from "../../support/native-session.ts";

/** What ps(1), the judge, says of a process. */
function ps(pid: number, field: string): string {
  return execFileSync("ps", ["-o", `${field}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
}

describe("the list of processes", () => {
  const start = useNativeSessions();

  it("has of each process what ps has", async () => {
    const native = start({ args: shell("exec sleep 1000"), user: "1234:4321" });
    const pid = (await native.started) ?? 0;
    // It sleeps: nothing of it changes any more.
    while (readFileSync(`/proc/${pid}/comm`, "utf8") !== "sleep\n" || readProcesses([pid])[0]?.state !== "S")
      await new Promise((resolve) => setTimeout(resolve, 10));
    const [facts] = readProcesses([pid]);
    assert.ok(facts !== undefined);
    assert.equal(facts.pid, pid);
    assert.equal(facts.parentPid, process.pid);
    assert.equal(facts.uid, 1234);
    assert.equal(facts.name, ps(pid, "comm"));
    assert.equal(facts.args.map((arg) => Buffer.from(arg).toString()).join(" "), ps(pid, "args"));
    assert.equal(facts.state, ps(pid, "s"));
    assert.equal(facts.terminal, "");
    assert.equal(facts.threads, Number(ps(pid, "nlwp")));
    assert.equal(facts.residentBytes, Number(ps(pid, "rss")) * 1024);
    assert.equal(facts.virtualBytes, Number(ps(pid, "vsz")) * 1024);
    assert.ok(Math.abs(facts.startedMs - Date.now()) < 5000, String(facts.startedMs - Date.now()));
  });

  it("has the CPU time that a process has used, and its threads", () => {
    const [own] = readProcesses([process.pid]);
    const { user, system } = process.cpuUsage();
    const usedMs = (user + system) / 1000;
    assert.ok(own !== undefined && Math.abs(own.cpuMs - usedMs) < 100, `${own?.cpuMs} of ${usedMs}`);
    assert.ok(own.threads > 1);
  });

  it("names a process's terminal as ps does", async () => {
    const native = start({ args: shell("tty; exec sleep 1000"), tty: true });
    const { output } = native.attach();
    await output.until(({ text }) => text.includes("\n"));
    const pid = (await native.started) ?? 0;
    assert.equal(`/dev/${readProcesses([pid])[0]?.terminal}`, output.text.trim());
    assert.equal(readProcesses([pid])[0]?.terminal, ps(pid, "tty"));
  });

  it("keeps every byte of a command line, also empty and strange arguments", async () => {
    const strange = [Buffer.from(""), Buffer.from("a|b\nc"), Buffer.of(0xff, 0xfe), Buffer.from("")];
    const native = start({ args: [...shell("read line"), ...strange], openStdin: true });
    const pid = (await native.started) ?? 0;
    const args = readProcesses([pid])[0]?.args.map((arg) => Buffer.from(arg));
    assert.deepEqual(args, [...shell("read line").map((arg) => Buffer.from(arg)), ...strange]);
  });

  it("takes any name for a name", async () => {
    const native = start({
      args: shell("printf 'a) S 1 (b' >/proc/$$/comm; echo named; read line"),
      openStdin: true,
    });
    const { output } = native.attach();
    await output.until(({ text }) => text === "named\n");
    const pid = (await native.started) ?? 0;
    const [facts] = readProcesses([pid]);
    assert.deepEqual([facts?.name, facts?.parentPid], ["a) S 1 (b", process.pid]);
  });

  it("cuts a command line that is very long", async () => {
    const native = start({ args: [...shell("read line"), Buffer.alloc(100_000, "x")], openStdin: true });
    const pid = (await native.started) ?? 0;
    const bytes = readProcesses([pid])[0]?.args.reduce((sum, arg) => sum + arg.length, 0) ?? 0;
    assert.ok(bytes > 16_000 && bytes <= 16 * 1024, String(bytes));
  });

  it("leaves out processes that are gone, and shows a zombie without a command line", async () => {
    const native = start({ args: shell("sleep 0 & exec sleep 1000") });
    const pid = (await native.started) ?? 0;
    const children = (): number[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    let zombie = readProcesses(children())[0];
    while (zombie?.state !== "Z") {
      await new Promise((resolve) => setTimeout(resolve, 10));
      [zombie] = readProcesses(children());
    }
    assert.deepEqual(zombie.args, []);
    const gone = start({ args: shell("exit 0") });
    const gonePid = (await gone.started) ?? 0;
    await gone.outcome;
    assert.deepEqual(
      readProcesses([gonePid, pid, 99_999_999]).map((facts) => facts.pid),
      [pid],
    );
  });
});
