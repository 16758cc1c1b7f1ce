import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineSpecification } from "../../../../src/hypervisor/index.ts";
import { qemuArguments } from "../../../../src/hypervisor/qemu/command-line.ts";
import { FIRST_USER, OwnUsers, whyNoOwnUsers } from "../../../../src/hypervisor/qemu/own-user.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { machineSpecification } from "../../../support/machine-specification.ts";
import { built } from "../../../support/native-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const PROGRAMS = join(built("own-user"), "..");
const EVERY_USER = "         0          0 4294967295\n";
const EVERY_CAPABILITY = "Name:\tnode\nCapEff:\t000001ffffffffff\n";

describe("a user for each machine", () => {
  const folder = useTemporaryFolder();

  function why({ userId = 0, map = EVERY_USER, status = EVERY_CAPABILITY, programs = PROGRAMS } = {}) {
    writeFileSync(join(folder.path, "uid_map"), map);
    writeFileSync(join(folder.path, "status"), status);
    return whyNoOwnUsers(programs, { userId, process: folder.path });
  }

  it("is there where root may give it", () => {
    assert.equal(why(), undefined);
  });

  it("is not, and the reason is told, for others, in small namespaces, without capabilities or programs", () => {
    assert.match(why({ userId: 1000 }) ?? "", /^only root/);
    assert.match(
      why({ map: "0 100000 65536\n" }) ?? "",
      /^this user namespace has no users from 1879048192 /,
    );
    assert.match(why({ status: "CapEff:\t00000000a80425f9\n" }) ?? "", /^root lacks .*CAP_DAC_OVERRIDE/);
    assert.match(why({ programs: folder.path }) ?? "", /own-user is missing: npm run set-up/);
  });

  it("is in none of the ranges that others give away", () => {
    // https://systemd.io/UIDS-GIDS
    assert.ok(FIRST_USER > 1_879_048_191 && FIRST_USER + 2 ** 22 < 2 ** 31);
  });
});

describe("a machine with a user of its own", function () {
  const folder = useTemporaryFolder();
  const path = (name: string): string => join(folder.path, name);

  function specification(changes: Partial<MachineSpecification> = {}): MachineSpecification {
    for (const name of ["disk.qcow2", "layer", "config", "kernel", "initramfs", "agent"])
      writeFileSync(path(name), name, { mode: 0o600 });
    for (const name of ["kernel", "initramfs"]) chmodSync(path(name), 0o644);
    const [kernel, initramfs, agentImage] = ["kernel", "initramfs", "agent"].map(path) as [
      string,
      string,
      string,
    ];
    return machineSpecification(folder.path, {
      boot: { from: "kernel", kernel, initramfs, agentImage },
      diskLayers: [{ file: path("layer"), format: "qcow2" }],
      ...changes,
    });
  }

  /** Runs a shell script in QEMU's place; `$1` and so on are QEMU's arguments. */
  function run(script: string, changes: Partial<MachineSpecification> = {}) {
    const request = {
      machine: specification(changes),
      accelerator: "tcg",
      memory: { kind: "fresh" },
    } as const;
    using surroundings = new OwnUsers(PROGRAMS).prepare({ ...request, firstDescriptor: 3 });
    writeFileSync(join(surroundings.room, "start.sock"), "");
    const words = qemuArguments(surroundings.machine, "tcg");
    const [program, ...args] = surroundings.command("/bin/sh", ["-c", script, "qemu", ...words]);
    // What is behind QEMU's own arguments is the script's: it has no use for those before.
    const first = args.indexOf("-add-fd");
    const shell = args.indexOf("-c");
    const own = [...args.slice(0, first), ...args.slice(shell)];
    const { stdout, stderr, status, pid } = spawnSync(program, own, {
      cwd: surroundings.room,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe", ...surroundings.descriptors],
    });
    return { stdout, stderr, status, pid, surroundings };
  }

  it("has neither groups nor capabilities, nor can it get any, and its number is its process's", () => {
    const { stdout, pid } = run("cat /proc/self/status");
    const user = String(FIRST_USER + pid);
    for (const name of ["Uid", "Gid"])
      assert.deepEqual(new RegExp(`^${name}:(.*)$`, "m").exec(stdout)?.[1]?.split("\t").slice(1), [
        ...[user, user, user, user],
      ]);
    assert.match(stdout, /^Groups:\s*$/m);
    for (const name of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
      assert.match(stdout, new RegExp(`^${name}:\t0{16}$`, "m"), name);
    assert.match(stdout, /^NoNewPrivs:\t1$/m);
  });

  it("can make no file larger than it should", () => {
    assert.match(run("ulimit -f", { fileLimitBytes: 512 * 1024 }).stdout, /^1024$/m);
  });

  it("may open ports below 1024 when one of them is forwarded to it, and nothing else", () => {
    const forwards = [{ protocol: "tcp", hostAddress: "", hostPort: 80, guestPort: 80 }] as const;
    const backend = { kind: "user", network: "10.0.2.0/24", forwards } as const;
    const interfaces = [{ id: "net", mac: "52:54:00:00:00:01", model: "virtio-net", backend }] as const;
    const { stdout } = run("cat /proc/self/status", { interfaces });
    // 1 << CAP_NET_BIND_SERVICE
    for (const name of ["CapPrm", "CapEff", "CapBnd"])
      assert.match(stdout, new RegExp(`^${name}:\t0{13}400$`, "m"), name);
  });

  it("owns its working directory, which is empty but for its starter's socket, and nothing around it", () => {
    const { stdout, surroundings, pid } = run("pwd; ls -A; cat ../disk.qcow2; ls ..; touch made");
    assert.equal(stdout, `${surroundings.room}\nstart.sock\n`);
    assert.equal(statSync(join(surroundings.room, "made")).uid, FIRST_USER + pid);
    assert.equal(statSync(path("disk.qcow2")).uid, 0);
  });

  it("finds nothing of an earlier one there, and nothing that it left is followed", () => {
    const { surroundings } = run("touch left");
    symlinkSync(path("disk.qcow2"), join(surroundings.room, "start.link"));
    assert.equal(run("ls -A").stdout, "start.sock\n");
    assert.equal(readFileSync(path("disk.qcow2"), "utf8"), "disk.qcow2");
  });

  it("has its files open: its disk to write, what that stands on to read, its log to add to", () => {
    const { surroundings, stdout } = run(
      'for fd in /proc/self/fd/*; do readlink $fd; grep flags "/proc/self/fdinfo/${fd##*/}"; done',
    );
    const flags = (file: string): number => {
      const [, octal = "none"] = new RegExp(`^${path(file)}\\nflags:\\s*(\\d+)$`, "m").exec(stdout) ?? [];
      return Number.parseInt(octal, 8) & 0o2003;
    };
    assert.deepEqual(
      ["disk.qcow2", "layer", "agent", "config", "log", "console.log"].map(flags),
      // O_RDWR, O_RDONLY, and O_WRONLY with O_APPEND
      [2, 0, 0, 0, 0o2001, 0o2001],
    );
    const { disk, diskLayers } = surroundings.machine;
    for (const each of [disk, ...diskLayers.map(({ file }) => file)])
      assert.match(each, /^\/dev\/fdset\/\d+$/);
  });

  it("reads its configuration, which nobody else does", () => {
    const { stdout, pid } = run(`cat "$(echo "$@" | sed 's/.*file=\\(.proc.self.fd.[0-9]*\\).*/\\1/')"`);
    assert.equal(stdout, "config");
    const { uid, mode } = statSync(path("config"));
    assert.deepEqual([uid, mode & 0o777], [FIRST_USER + pid, 0o600]);
  });

  it("does not start when its kernel is for root alone, which is told", () => {
    const machine = specification();
    chmodSync(path("kernel"), 0o600);
    assert.throws(
      () =>
        new OwnUsers(PROGRAMS).prepare({
          machine,
          accelerator: "tcg",
          memory: { kind: "fresh" },
          firstDescriptor: 3,
        }),
      catalogueError("hypervisor-failed", /kernel cannot be read by container VMs.*chmod a\+r/),
    );
  });

  it("does not start when root may not give it a user", () => {
    const launcher = [built("own-user"), "/bin/echo", "started"];
    const words = ["--bounding-set=-setuid", "--inh-caps=-setuid", "--", ...launcher];
    const { stdout, stderr, status } = spawnSync("setpriv", words, { encoding: "utf8" });
    assert.deepEqual([status, stdout], [126, ""]);
    assert.match(stderr, /^own-user: cannot /);
  });
});
