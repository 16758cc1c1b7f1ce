import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { PassThrough } from "node:stream";
import { launch, type LaunchInstructions, sealLauncher } from "../../../src/session/launcher.ts";
import { DEFAULT_PROCESS_SECURITY, makePrivileged } from "../../../src/session/security.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { built } from "../../support/native-system.ts";
import { linux } from "../system/linux.ts";

const INSTRUCTIONS: LaunchInstructions = {
  ...DEFAULT_PROCESS_SECURITY,
  args: [Buffer.from("true")],
  environment: [],
  workingDirectory: Buffer.from("/"),
  user: { uid: 1, gid: 2, groups: [2, 3], home: "/" },
  tty: false,
};

/** The records that the launcher is given. */
async function recordsOf(changes: Partial<LaunchInstructions>): Promise<string[]> {
  const stream = new PassThrough();
  stream.end();
  const system = new RecordingSystem().answer("pipe", () => [
    openSync("/dev/null", "r"),
    openSync("/dev/null", "r"),
  ]);
  system.answer("memoryFile", () => openSync("/dev/null", "r")).answer("adoptStream", () => stream);
  const container = { namespace: 5, root: 6, cgroupProcesses: 7 };
  await launch(system, "/tether-exec", container, [0, 1, 2], { ...INSTRUCTIONS, ...changes }).executed;
  const [[, content] = []] = system.argumentsOf("memoryFile");
  return Buffer.from(content ?? [])
    .toString()
    .split("\0");
}

describe("the launcher's instructions", () => {
  it("ask for the filter unless it is off, and for privileges to be kept unless they go", async () => {
    const usual = await recordsOf({});
    assert.ok(usual.includes("seccomp=default") && !usual.includes("no-new-privileges=1"));
    const { seccomp: _, ...silent } = INSTRUCTIONS;
    assert.ok((await recordsOf(silent)).includes("seccomp=default"));
    const open = await recordsOf({ ...makePrivileged(DEFAULT_PROCESS_SECURITY), noNewPrivileges: true });
    assert.ok(open.includes("capabilities=ALL") && open.includes("no-new-privileges=1"));
    assert.ok(!open.some((record) => record.startsWith("seccomp=")));
  });

  it("name user, groups, mask, limits and score", async () => {
    const records = await recordsOf({ oomScoreAdjustment: -7, resourceLimits: ["core:0:1"] });
    for (const record of [
      "uid=1",
      "gid=2",
      "group=2",
      "group=3",
      "umask=0022",
      "rlimit=core:0:1",
      "oom-score-adj=-7",
    ])
      assert.ok(records.includes(record), record);
  });

  it("have a working directory made only for who is not an exec", async () => {
    assert.ok((await recordsOf({})).includes("make-cwd=1"));
    assert.ok(!(await recordsOf({ makeWorkingDirectory: false })).includes("make-cwd=1"));
  });
});

describe("the sealed launcher", () => {
  let path = "";
  let child: ChildProcess | undefined;
  before(() => {
    path = sealLauncher(linux, built("tether-exec"));
  });
  afterEach(() => child?.kill("SIGKILL"));

  it("is the launcher, byte for byte", () => {
    assert.ok(readFileSync(path).equals(readFileSync(built("tether-exec"))));
  });

  it("cannot be written to by root, neither while it runs nor after (CVE-2019-5736)", async () => {
    // Without instructions it waits for them on descriptor 3, as the process whose /proc/PID/exe is looked at.
    child = spawn(path.replace("self", String(process.pid)), [], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const executable = `/proc/${child.pid}/exe`;
    const kept = openSync(executable, "r");
    assert.throws(() => overwrite(executable), /EPERM|ETXTBSY|EACCES/);
    const ended = new Promise((done) => child?.on("exit", done));
    child.kill("SIGKILL");
    await ended;
    assert.throws(() => overwrite(`/proc/self/fd/${kept}`), /EPERM|ETXTBSY|EACCES/);
    assert.throws(() => writeFileSync(`/proc/self/fd/${kept}`, ""), /EPERM|ETXTBSY|EACCES/);
    closeSync(kept);
    assert.ok(readFileSync(path).equals(readFileSync(built("tether-exec"))));
  });
});

function overwrite(path: string): void {
  const descriptor = openSync(path, "r+");
  try {
    writeSync(descriptor, "#!/bin/evil\n");
  } finally {
    closeSync(descriptor);
  }
}
