import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { FATAL_SIGNALS } from "../../../src/system/crash-plan.ts";
import { built } from "../../support/native-system.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../../..");

/** What a shell that was executed in a crashed process's place tells of itself. */
interface Successor {
  readonly reason: string;
  readonly pid: number;
  readonly crashedPid: number;
  readonly blockedSignals: string;
  readonly descriptors: readonly string[];
  readonly output: string;
  readonly errorOutput: string;
}

const SUCCESSOR =
  'echo "REASON $TETHER_CRASH"; echo "PID $$"; grep SigBlk /proc/self/status; echo "OPEN" $(ls /proc/$$/fd)';

describe("the crash handler", function () {
  this.timeout(30_000);
  let folder: string;
  let faults: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "faults-"));
    faults = join(folder, "faults.node");
    const options = ["-shared", "-fPIC", "-pthread", "-w", `-I${root}/node_modules/node-api-headers/include`];
    const source = join(root, "test/support/faults.c");
    await run("gcc", ["-O0", "-D_GNU_SOURCE", ...options, "-o", faults, source]);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  /** Runs JavaScript that has `system`, `fs`, `faults` and `plan`, and is to crash. */
  async function crash(source: string, options: readonly string[] = []): Promise<Successor> {
    const prelude = `
      import fs from "node:fs";
      import { LinuxSystem, loadNativeAddon } from "${root}/src/system/linux-system.ts";
      import { FATAL_SIGNALS } from "${root}/src/system/crash-plan.ts";
      const system = new LinuxSystem(loadNativeAddon(${JSON.stringify(built("tether.node"))}));
      const module = { exports: {} };
      process.dlopen(module, ${JSON.stringify(faults)});
      const faults = module.exports;
      const record = system.makeCrashRecord();
      const plan = { path: "/bin/sh", args: ["sh", "-c", ${JSON.stringify(SUCCESSOR)}], env: ["PATH=/usr/bin:/bin",
        "TETHER_CRASH=old"], signals: FATAL_SIGNALS, record, powersOff: false, atExit: true };
      fs.writeSync(1, "CRASHED " + process.pid + "\\n");
    `;
    const args = [...options, "--input-type=module", "-e", prelude + source];
    const { stdout, stderr } = await run(process.execPath, args, { timeout: 20_000 });
    const word = (name: string): string => new RegExp(`^${name}:?\\s+(.*)$`, "m").exec(stdout)?.[1] ?? "";
    return {
      reason: word("REASON"),
      pid: Number(word("PID")),
      crashedPid: Number(word("CRASHED")),
      blockedSignals: word("SigBlk"),
      descriptors: word("OPEN").split(" "),
      output: stdout,
      errorOutput: stderr,
    };
  }

  const INSTALLED = "system.installCrashHandler(plan);";

  const realFaults: [fault: string, reason: string][] = [
    ["segmentation", "SIGSEGV"],
    ["division", "SIGFPE"],
    ["instruction", "SIGILL"],
    ["breakpoint", "SIGTRAP"],
    ["bus", "SIGBUS"],
    ["overflow", "SIGSEGV"],
    ["thread", "SIGSEGV"],
    ["threads", "SIGSEGV"],
  ];
  for (const [fault, reason] of realFaults) {
    it(`executes the successor after a real fault: ${fault}`, async () => {
      const successor = await crash(`${INSTALLED} faults.${fault}();`);
      assert.equal(successor.reason, reason);
      assert.equal(successor.pid, successor.crashedPid);
      assert.match(successor.blockedSignals, /^0+$/);
    });
  }

  const endings: [what: string, source: string, reason: string, options?: string[]][] = [
    ["process.abort()", "process.abort();", "SIGABRT"],
    ["exit", "process.exit(7);", "exit 7"],
    ["nothing left to do", "", "exit 0"],
    [
      "an uncaught error that aborts",
      "throw new Error();",
      "SIGTRAP|SIGILL|SIGABRT",
      ["--abort-on-uncaught-exception"],
    ],
    ["an uncaught error", "throw new Error();", "exit 1"],
    [
      "no memory for V8",
      "const kept = []; for (;;) kept.push(new Array(1e6).fill(0.5));",
      "SIGABRT|SIGTRAP|SIGILL",
      ["--max-old-space-size=32"],
    ],
    ["a restart that was asked for", 'system.restart("broken pipe dream");', "broken pipe dream"],
    ["a very long reason", 'system.restart("x".repeat(500));', "x{95}"],
  ];
  for (const [what, source, reason, options] of endings) {
    it(`executes the successor after ${what}`, async () => {
      const successor = await crash(`${INSTALLED} ${source}`, options);
      assert.match(successor.reason, new RegExp(`^(${reason})$`));
      assert.equal(successor.pid, successor.crashedPid);
    });
  }

  it("takes each signal that is sent, wherever it is in its work", async () => {
    for (const signal of FATAL_SIGNALS) {
      const { reason } = await crash(
        `${INSTALLED} setTimeout(() => {}, 10_000);
        system.spawn({ path: "/bin/sh", args: ["sh", "-c", "kill -${signal} " + process.pid], env: [], descriptors: [] });`,
      );
      assert.match(reason, /^SIG[A-Z]+$/);
    }
  });

  it("keeps the standard streams and what is to be kept, and closes the rest", async () => {
    const { descriptors, output } = await crash(
      `${INSTALLED}
      const kept = system.makeRing(4096), dropped = system.makeInput(), again = system.makeRing(4096);
      system.keepDescriptor(kept); system.keepDescriptor(again); system.closeOnExec(again);
      fs.writeSync(1, "MADE " + [kept, dropped, again].join(" ") + "\\n"); process.abort();`,
    );
    const made = /MADE (.*)/.exec(output)?.[1]?.split(" ") ?? [];
    const open = ["0", "1", "2", ...made].filter((descriptor) => descriptors.includes(descriptor));
    assert.deepEqual(open, ["0", "1", "2", made[0]]);
  });

  it("waits with a signal that was sent until work that must not be interrupted is done", async () => {
    const { reason, output } = await crash(`${INSTALLED}
      system.uninterrupted(() => {
        process.kill(process.pid, "SIGSEGV");
        system.uninterrupted(() => {});
        fs.writeSync(1, "DONE 1\\n");
      });
      fs.writeSync(1, "DONE 2\\n");`);
    assert.equal(reason, "SIGSEGV");
    assert.match(output, /DONE 1/);
    assert.doesNotMatch(output, /DONE 2/);
  });

  it("does not wait when the fault is in that work itself", async () => {
    const started = Date.now();
    for (const fault of ["faults.segmentation()", "process.abort()"]) {
      const { output } = await crash(`${INSTALLED} system.uninterrupted(() => {
        ${fault};
        fs.writeSync(1, "DONE\\n");
      });`);
      assert.match(output, /REASON SIG/);
      assert.doesNotMatch(output, /DONE/);
    }
    assert.ok(Date.now() - started < 10_000);
  });

  it("lets a fault of another thread wait a second for that work, and no longer", async () => {
    const { reason, output } = await crash(`${INSTALLED} system.uninterrupted(() => {
        const started = Date.now();
        faults.delayed();
        while (Date.now() - started < 500) continue;
        fs.writeSync(1, "DONE\\n");
        while (Date.now() - started < 5000) continue;
        fs.writeSync(1, "TOO LATE\\n");
      });`);
    assert.equal(reason, "SIGSEGV");
    assert.match(output, /DONE/);
    assert.doesNotMatch(output, /TOO LATE/);
  });

  it("executes the successor in the agent's own view, though the thread that makes a container's is hit", async () => {
    const container = join(folder, "container");
    // Long enough for the other thread to see it.
    const { reason, output } = await crash(`
      fs.mkdirSync("${container}", { recursive: true });
      plan.args[2] += '; echo "VIEW $(readlink /proc/self/ns/mnt) $(stat -c %i /)"';
      fs.writeSync(1, "OWN " + fs.readlinkSync("/proc/self/ns/mnt") + " " + fs.statSync("/").ino + "\\n");
      ${INSTALLED}
      faults.elsewhere();
      const target = "${container}/made";
      const mount = { do: "mount", source: "tmpfs", target, type: "tmpfs", flags: 0 };
      const folders = Array.from({ length: 100_000 }, (_, n) => ({ do: "make-directory", target: target + "/" + n, mode: 0o700 }));
      system.createMountNamespace("${container}", [{ do: "make-directory", target, mode: 0o700 }, mount, ...folders]);
      fs.writeSync(1, "MADE\\n");`);
    assert.equal(reason, "SIGSEGV");
    assert.doesNotMatch(output, /MADE/);
    assert.equal(/VIEW (.*)/.exec(output)?.[1], /OWN (.*)/.exec(output)?.[1]);
  });

  it("counts crashes, and remembers the last ones over them", async () => {
    const { output } = await crash(`
      plan.path = process.execPath;
      const script = (source) => ["node", "--input-type=module", "-e", source];
      const successor = \`
        import { LinuxSystem, loadNativeAddon } from "${root}/src/system/linux-system.ts";
        const system = new LinuxSystem(loadNativeAddon(${JSON.stringify(built("tether.node"))}));
        console.log(JSON.stringify(system.readCrashRecord(\${record})));\`;
      plan.args = script(successor);
      system.keepDescriptor(record);
      ${INSTALLED}
      faults.segmentation();`);
    const { count, latest } = JSON.parse(output.split("\n").find((line) => line.startsWith("{")) ?? "") as {
      count: number;
      latest: { reason: string; monotonicMs: number; signal: number; signalCode: number; address: number }[];
    };
    assert.equal(count, 1);
    const [{ monotonicMs, ...rest } = { monotonicMs: 0 }] = latest;
    assert.deepEqual(rest, { reason: "SIGSEGV", signal: 11, signalCode: 1, address: 0 });
    assert.ok(Math.abs(Number(process.hrtime.bigint()) / 1e6 - monotonicMs) < 20_000);
  });

  it("says so and ends when the successor cannot be executed", async () => {
    await assert.rejects(crash(`plan.path = "/none"; ${INSTALLED} process.abort();`), {
      code: 126,
      stderr: /tether: SIGABRT, and executing \/none anew failed: errno 2\n$/,
    });
  });

  it("is installed once, and not with nonsense", async () => {
    const { output } = await crash(`
      const attempt = (call) => { try { call(); return "fine"; } catch (error) { return error.code + " " + error.message; } };
      const results = [attempt(() => system.installCrashHandler({ ...plan, signals: [40] })),
        attempt(() => system.installCrashHandler({ ...plan, record: 1 })),
        attempt(() => system.restart("too early")), attempt(() => system.installCrashHandler(plan)),
        attempt(() => system.installCrashHandler(plan))];
      for (const result of results) fs.writeSync(1, "RESULT " + result + "\\n");`);
    const results = output.split("\n").filter((line) => line.startsWith("RESULT"));
    assert.match(results[0] ?? "", /signals must be/);
    assert.match(results[1] ?? "", /EACCES|ENODEV|EINVAL/);
    assert.match(results[2] ?? "", /EINVAL/);
    assert.equal(results[3], "RESULT fine");
    assert.match(results[4] ?? "", /EALREADY/);
  });
});
