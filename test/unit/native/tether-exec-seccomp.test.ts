import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileProfile } from "../../../src/portlayer/execution/seccomp/compile-profile.ts";
import { launch, launchShell, PATH_RECORD } from "./launch.ts";

const { EPERM, ENOSYS, EFAULT, EINVAL, EBADF } = constants.errno;

/** Numbers of asm/unistd_64.h. */
const CALLS = {
  personality: 135,
  getpid: 39,
  chroot: 161,
  mount: 165,
  swapon: 167,
  reboot: 169,
  socket: 41,
  clone: 56,
  keyctl: 250,
  unshare: 272,
  setns: 308,
  bpf: 321,
  userfaultfd: 323,
  io_uring_setup: 425,
  clone3: 435,
  unused: 400,
  newest: 450,
  future: 451,
} as const;
const CLONE_NEWUSER = 0x10000000;
const UNKNOWN_PERSONALITY = 4;
const ADDR_NO_RANDOMIZE_OFF = 0xffffffff;
const AF_VSOCK = 40;

const CAPABILITIES = "CAP_CHOWN,CAP_SETUID,CAP_SETGID,CAP_SYS_CHROOT,CAP_KILL";

describe("tether-exec's seccomp filter", function () {
  this.timeout(20_000);

  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tether-exec-"));
    chmodSync(folder, 0o755);
    const source = fileURLToPath(new URL("system-call-probe.c", import.meta.url));
    execFileSync("gcc", ["-O1", "-o", join(folder, "probe"), source]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** The errno of each call, `name` or `name:first argument`, in a process with these instructions. */
  async function probe(calls: readonly string[], ...records: string[]): Promise<number[]> {
    const { output, report } = await launch([
      `arg=${join(folder, "probe")}`,
      ...calls.map((call) => `arg=${call}`),
      PATH_RECORD,
      ...records,
    ]);
    assert.deepEqual(report, []);
    return output.trim().split(" ").map(Number);
  }
  const on64 = (name: keyof typeof CALLS, first = 0): string => `64:${CALLS[name]}:${first}`;

  it("refuses what is Docker's to refuse, with EPERM, and lets the rest pass", async () => {
    const refused = (
      ["mount", "swapon", "reboot", "keyctl", "unshare", "setns", "bpf", "userfaultfd"] as const
    )
      .map((name) => on64(name))
      .concat(on64("io_uring_setup", 1));
    const errors = await probe(refused, `capabilities=${CAPABILITIES}`, "seccomp=default");
    assert.deepEqual(new Set(errors), new Set([EPERM]));
    assert.deepEqual(await probe([on64("getpid")], `capabilities=${CAPABILITIES}`, "seccomp=default"), [0]);
  });

  it("looks at arguments where they matter", async () => {
    const calls = [
      on64("personality", 0),
      on64("personality", ADDR_NO_RANDOMIZE_OFF),
      on64("personality", UNKNOWN_PERSONALITY),
      on64("clone", CLONE_NEWUSER),
      on64("socket", AF_VSOCK),
    ];
    const errors = await probe(calls, `capabilities=${CAPABILITIES}`, "seccomp=default");
    assert.deepEqual(errors, [0, 0, EPERM, EPERM, EPERM]);
  });

  it("answers ENOSYS for clone3 and for calls that are newer than the profile, EPERM for gaps in it", async () => {
    const calls = [on64("clone3"), on64("future"), on64("unused"), on64("newest")];
    const errors = await probe(calls, `capabilities=${CAPABILITIES}`, "seccomp=default");
    assert.deepEqual(errors, [ENOSYS, ENOSYS, EPERM, EPERM]);
  });

  it("follows the capabilities", async () => {
    const calls = [
      on64("chroot"),
      on64("mount"),
      on64("setns", 99),
      on64("clone3"),
      on64("bpf", 99),
      on64("reboot"),
    ];
    assert.deepEqual(await probe(calls, "capabilities=CAP_KILL", "seccomp=default"), [
      ...[EPERM, EPERM, EPERM, ENOSYS, EPERM, EPERM],
    ]);
    assert.deepEqual(await probe(calls, "capabilities=CAP_SYS_ADMIN,CAP_SYS_CHROOT", "seccomp=default"), [
      ...[EFAULT, EFAULT, EBADF, EINVAL, EINVAL, EPERM],
    ]);
  });

  it("holds for 32-bit calls and for x32's numbers too", async () => {
    const calls = ["32:20", "32:21", "32:310", "32:435", "32:451", "32:136:4", "32:359:40"]; // getpid mount unshare clone3 … personality socket
    const errors = await probe(calls, `capabilities=${CAPABILITIES}`, "seccomp=default");
    assert.deepEqual(errors, [0, EPERM, EPERM, ENOSYS, ENOSYS, EPERM, EPERM]);
    const x32 = [165, 272, 600].map((number) => `64:${0x40000000 + number}`);
    assert.deepEqual(await probe(x32, `capabilities=${CAPABILITIES}`, "seccomp=default"), [
      EPERM,
      EPERM,
      ENOSYS,
    ]);
  });

  it("is in force for root, for a user and with no_new_privs, and only when asked for", async () => {
    const script = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | tr -d '\\n\\t'";
    const seen = (...records: string[]) => launchShell(script, `capabilities=${CAPABILITIES}`, ...records);
    assert.equal(await seen(), "NoNewPrivs:0Seccomp:0");
    assert.equal(await seen("seccomp=default"), "NoNewPrivs:0Seccomp:2");
    assert.equal(await seen("seccomp=default", "uid=1000", "gid=1000"), "NoNewPrivs:0Seccomp:2");
    assert.equal(await seen("seccomp=default", "no-new-privileges=1"), "NoNewPrivs:1Seccomp:2");
    assert.equal(
      await seen("seccomp=default", "no-new-privileges=1", "uid=1000", "gid=1000"),
      "NoNewPrivs:1Seccomp:2",
    );
  });

  it("is another one when that is given", async () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["getpid"], action: "SCMP_ACT_ERRNO", errnoRet: 77 },
        {
          names: ["personality"],
          action: "SCMP_ACT_ERRNO",
          args: [{ index: 0, value: 4, op: "SCMP_CMP_EQ" }],
        },
      ],
    };
    const program = compileProfile(JSON.stringify(profile), { capabilities: [], kernelVersion: "6.1.0" });
    const calls = [on64("getpid"), on64("personality", 4), on64("personality", 0xffffffff)];
    for (const more of [[], ["no-new-privileges=1"]])
      assert.deepEqual(
        await probe(calls, `capabilities=${CAPABILITIES}`, `seccomp=${program.toString("hex")}`, ...more),
        [77, EPERM, 0],
      );
  });

  it("is nothing that is no filter", async () => {
    for (const text of ["mine", "", "06000000", "0600000000000g7f"]) {
      const { report } = await launch(["arg=true", PATH_RECORD, `seccomp=${text}`]);
      assert.deepEqual(report, ["instructions", "22", "EINVAL", `seccomp=${text}`]);
    }
    const { report } = await launch(["arg=true", PATH_RECORD, "seccomp=ffff000000000000"]);
    assert.deepEqual(report.slice(0, 3), ["seccomp", "22", "EINVAL"]);
  });
});
