import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { built } from "../../support/native-system.ts";
import { isolated, linux } from "../system/linux.ts";
import { openPty } from "../system/pty.ts";
import { encode, launch, launchShell, PATH_RECORD } from "./launch.ts";

const DOCKER_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
].join(",");
/** The same as the kernel shows it. */
const DOCKER_MASK = "00000000a80425fb";
const NO_CAPABILITIES = "0".repeat(16);

async function status(names: string[], ...records: string[]): Promise<Record<string, string>> {
  const output = await launchShell("cat /proc/self/status", ...records);
  const lines = output.split("\n").map((line) => line.split(":\t") as [string, string]);
  return Object.fromEntries(lines.filter(([name]) => names.includes(name)));
}

describe("tether-exec", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tether-exec-"));
    chmodSync(folder, 0o755);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, content: string, mode = 0o755): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  describe("what the program gets", () => {
    it("is the arguments and the complete environment, byte for byte", async () => {
      const odd = Buffer.from([0x61, 0xff, 0x0a, 0x3d, 0xfe]);
      const { output } = await launch([
        "arg=/bin/sh",
        "arg=-c",
        'arg=printf "%s|" "$0" "$@"; env -0 | sort -z | tr "\\0" "|"',
        "arg=",
        "arg=two words",
        Buffer.concat([Buffer.from("arg="), odd]),
        PATH_RECORD,
        "env=A=b=c",
        "env=EMPTY=",
      ]);
      const env = ["A=b=c", "EMPTY=", `PWD=${process.cwd()}`, PATH_RECORD.slice(4)];
      assert.equal(output, `|two words|${odd.toString()}|${env.sort().join("|")}|`);
    });

    it("is no descriptor but the three standard ones", async () => {
      assert.equal(await launchShell("ls /proc/self/fd"), "0\n1\n2\n3\n"); // 3 is the folder ls reads
    });

    it("is every signal at its default, SIGPIPE above all", async () => {
      const seen = await status(["SigBlk", "SigIgn"]);
      assert.deepEqual(seen, { SigBlk: NO_CAPABILITIES, SigIgn: NO_CAPABILITIES });
      const piped = await launchShell("yes | head -n 1");
      assert.equal(piped, "y\n");
    });

    it("is a session of its own", async () => {
      const fields = (await launchShell("cat /proc/$$/stat; exit 0")).split(") ")[1]?.split(" ") ?? [];
      assert.equal(fields[2], fields[3]); // process group and session are the shell's own
    });

    it("is the exit status of the program, or its signal", async () => {
      const exit = await launch(["arg=sh", "arg=-c", "arg=exit 7", PATH_RECORD]);
      assert.deepEqual([exit.code, exit.signal, exit.report], [7, null, []]);
      const signal = await launch(["arg=sh", "arg=-c", "arg=kill -TERM $$", PATH_RECORD]);
      assert.deepEqual([signal.code, signal.signal], [null, "SIGTERM"]);
    });
  });

  describe("working directory", () => {
    it("is entered", async () => {
      assert.equal(await launchShell("pwd", "cwd=/usr/share"), "/usr/share\n");
    });

    it("is reported when it does not exist or is no directory", async () => {
      const missing = await launch(["arg=true", PATH_RECORD, "cwd=/none/here"]);
      assert.deepEqual(missing.report, ["working-directory", "2", "ENOENT", "/none/here"]);
      assert.equal(missing.code, 126);
      const file = await launch(["arg=true", PATH_RECORD, "cwd=/etc/passwd"]);
      assert.deepEqual(file.report.slice(0, 3), ["working-directory", "20", "ENOTDIR"]);
    });

    it("is entered even where its user could not go, as Docker does", async () => {
      const closed = join(folder, "closed");
      mkdirSync(closed, { mode: 0o700 });
      const shell = await launchShell("pwd; ls 2>&1; true", `cwd=${closed}`, "uid=1234", "gid=1234");
      assert.match(shell, new RegExp(`^${closed}\\n.*Permission denied\\n$`));
    });

    it("is made with its parents for root, mode 0755, when asked for", async () => {
      const made = join(folder, "a/b/c");
      const records = [`cwd=${made}`, "make-cwd=1", "uid=1234", "gid=1234", "umask=077"];
      assert.equal(await launchShell("pwd; umask", ...records), `${made}\n0077\n`);
      for (const path of [made, join(folder, "a")]) {
        const { uid, gid, mode } = statSync(path);
        assert.deepEqual([uid, gid, mode & 0o7777], [0, 0, 0o755]);
      }
      assert.equal(await launchShell("pwd", ...records), `${made}\n`);
      const { report } = await launch(["arg=true", PATH_RECORD, "cwd=/etc/passwd/x", "make-cwd=1"]);
      assert.deepEqual(report, ["make-working-directory", "20", "ENOTDIR", "/etc/passwd/x"]);
    });
  });

  describe("identity", () => {
    it("is user, group and supplementary groups by number", async () => {
      const seen = await status(
        ["Uid", "Gid", "Groups"],
        "uid=1000",
        "gid=2000",
        "group=5",
        "group=4000000000",
      );
      assert.deepEqual(
        Object.values(seen).map((line) => line.trim()),
        ["1000\t1000\t1000\t1000", "2000\t2000\t2000\t2000", "5 4000000000"],
      );
    });

    it("has no groups but those given", async () => {
      const seen = await status(["Groups"], "uid=0", "gid=0");
      assert.equal(seen["Groups"]?.trim(), "");
    });

    it("is refused to a user who may not change it", async () => {
      const file = linux.memoryFile("instructions", encode(["arg=true", PATH_RECORD, "uid=0"]));
      const { output, status: code } = spawnSync(
        "setpriv",
        [
          "--reuid=1234",
          "--regid=1234",
          "--clear-groups",
          "--inh-caps=-all",
          "--bounding-set=-all",
          built("tether-exec"),
        ],
        {
          stdio: ["ignore", "pipe", "pipe", file, "pipe"],
        },
      );
      closeSync(file);
      assert.equal(code, 126);
      assert.match(String(output[4]), /^groups\x001\x00EPERM\x00/);
    });
  });

  describe("capabilities", () => {
    const sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

    it("are Docker's for root", async () => {
      const seen = await status(sets, `capabilities=${DOCKER_CAPABILITIES}`, "uid=0", "gid=0");
      assert.deepEqual(seen, {
        CapInh: NO_CAPABILITIES,
        CapPrm: DOCKER_MASK,
        CapEff: DOCKER_MASK,
        CapBnd: DOCKER_MASK,
        CapAmb: NO_CAPABILITIES,
      });
    });

    it("are none but the bounding set for a user", async () => {
      const seen = await status(sets, `capabilities=${DOCKER_CAPABILITIES}`, "uid=1000", "gid=1000");
      assert.deepEqual(seen, {
        CapInh: NO_CAPABILITIES,
        CapPrm: NO_CAPABILITIES,
        CapEff: NO_CAPABILITIES,
        CapBnd: DOCKER_MASK,
        CapAmb: NO_CAPABILITIES,
      });
    });

    it("can all be taken away from root", async () => {
      const seen = await status(sets, "capabilities=");
      assert.deepEqual(new Set(Object.values(seen)), new Set([NO_CAPABILITIES]));
    });

    it("stay as they are when nothing is said", async () => {
      const own = execFileSync("sh", ["-c", "grep CapEff /proc/self/status"]).toString();
      const seen = await status(["CapEff"]);
      assert.equal(`CapEff:\t${seen["CapEff"]}\n`, own);
    });
  });

  describe("no-new-privileges", () => {
    it("is set only when asked for", async () => {
      assert.deepEqual(await status(["NoNewPrivs"]), { NoNewPrivs: "0" });
      assert.deepEqual(await status(["NoNewPrivs"], "no-new-privileges=1"), { NoNewPrivs: "1" });
    });
  });

  describe("limits", () => {
    it("are set, soft and hard", async () => {
      const records = ["rlimit=nofile:100:200", "rlimit=core:0:unlimited", "rlimit=nproc:5000:6000"];
      const limits = await launchShell("cat /proc/self/limits", ...records);
      assert.match(limits, /Max open files +100 +200 /);
      assert.match(limits, /Max core file size +0 +unlimited /);
      assert.match(limits, /Max processes +5000 +6000 /);
    });

    it("are reported with their text when they are wrong", async () => {
      const above = await launch(["arg=true", PATH_RECORD, "rlimit=nofile:2:1"]);
      assert.deepEqual(above.report, ["rlimit", "22", "EINVAL", "nofile:2:1"]);
    });

    it("include the out-of-memory score and the umask", async () => {
      const seen = await launchShell(
        "cat /proc/self/oom_score_adj; umask",
        "oom-score-adj=500",
        "umask=0027",
      );
      assert.equal(seen, "500\n0027\n");
      const { report } = await launch(["arg=true", PATH_RECORD, "oom-score-adj=2000"]);
      assert.deepEqual(report, ["instructions", "22", "EINVAL", "oom-score-adj=2000"]);
    });
  });

  describe("terminal", () => {
    it("is the controlling one, with job control, and blocking", async () => {
      const { master, slave } = openPty();
      const stream = linux.adoptStream(master, "duplex");
      const script =
        "tty; echo here > /dev/tty; ps -o tpgid= -p $$ | tr -d ' '; echo $$; grep flags /proc/self/fdinfo/0";
      linux.setWindowSize(master, { columns: 90, rows: 30 });
      const launched = launch(["arg=sh", "arg=-c", `arg=${script}; stty size`, PATH_RECORD, "tty=1"], {
        stdio: [slave, slave, slave],
      });
      const pty = execFileSync("readlink", [`/proc/${process.pid}/fd/${slave}`])
        .toString()
        .trim();
      closeSync(slave);
      const [output, { code }] = await Promise.all([text(stream), launched]);
      const [tty, here, group, pid, flags, size] = output.split("\r\n");
      assert.deepEqual([code, tty, here, size], [0, pty, "here", "30 90"]);
      assert.equal(group, pid);
      assert.ok((Number.parseInt(flags?.split("\t")[1] ?? "", 8) & constants.O_NONBLOCK) === 0);
    });

    it("delivers ^C to the foreground group", async () => {
      const { master, slave } = openPty();
      const stream = linux.adoptStream(master, "duplex");
      const launched = launch(["arg=sh", "arg=-c", "arg=echo ready; exec sleep 20", PATH_RECORD, "tty=1"], {
        stdio: [slave, slave, slave],
      });
      closeSync(slave);
      stream.once("data", () => stream.write("\x03"));
      assert.equal((await launched).signal, "SIGINT");
      stream.destroy();
    });

    it("is reported when descriptor 0 is none", async () => {
      const { report, code } = await launch(["arg=true", PATH_RECORD, "tty=1"]);
      assert.deepEqual(report, ["controlling-terminal", "25", "ENOTTY", ""]);
      assert.equal(code, 126);
    });
  });

  describe("look-up", () => {
    it("searches the given PATH in order, past directories and files that are not executable", async () => {
      for (const name of ["one", "two", "three"]) mkdirSync(join(folder, name));
      mkdirSync(join(folder, "one/tool"));
      program("two/tool", "#!/bin/sh\necho wrong", 0o644);
      program("three/tool", "#!/bin/sh\necho right");
      const path = ["one", "two", "three"].map((name) => join(folder, name)).join(":");
      const { output } = await launch(["arg=tool", `env=PATH=${path}`]);
      assert.equal(output, "right\n");
    });

    it("uses Docker's PATH when the environment has none", async () => {
      const { output } = await launch(["arg=sh", "arg=-c", "arg=echo found"]);
      assert.equal(output, "found\n");
    });

    it("gives 127 for a program that is nowhere", async () => {
      const nowhere = await launch(["arg=no-such-program", PATH_RECORD]);
      assert.deepEqual(nowhere.report, ["lookup", "2", "ENOENT", "no-such-program"]);
      assert.equal(nowhere.code, 127);
      for (const name of ["/none/program", "./none", "/etc/passwd/x", ""]) {
        const { code, report } = await launch([`arg=${name}`, PATH_RECORD]);
        assert.deepEqual([code, report[0], report[3]], [127, "lookup", name]);
      }
      assert.equal((await launch(["arg=sh", "env=PATH="])).code, 127);
    });

    it("gives 126 for what is not executable", async () => {
      const plain = program("plain", "text", 0o644);
      const file = await launch([`arg=${plain}`, PATH_RECORD]);
      assert.deepEqual([file.code, ...file.report], [126, "lookup", "13", "EACCES", plain]);
      const inPath = await launch(["arg=plain", `env=PATH=/none:${folder}:/empty`]);
      assert.deepEqual([inPath.code, ...inPath.report], [126, "lookup", "13", "EACCES", "plain"]);
      const directory = await launch([`arg=${folder}`, PATH_RECORD]);
      assert.deepEqual([directory.code, ...directory.report], [126, "lookup", "21", "EISDIR", folder]);
    });

    it("looks with the user's rights, relative to the working directory", async () => {
      const mine = program("mine", "#!/bin/sh\necho mine", 0o700);
      const { code, report } = await launch([`arg=${mine}`, PATH_RECORD, "uid=1234", "gid=1234"]);
      assert.deepEqual([code, report[2]], [126, "EACCES"]);
      const { output } = await launch(["arg=./mine", PATH_RECORD, `cwd=${folder}`]);
      assert.equal(output, "mine\n");
    });

    it("reports what execve refuses", async () => {
      const noFormat = program("no-format", "just text\n");
      const format = await launch([`arg=${noFormat}`, PATH_RECORD]);
      assert.deepEqual([format.code, ...format.report], [126, "execute", "8", "ENOEXEC", noFormat]);
      const interpreter = program("no-interpreter", "#!/none/sh\n");
      const missing = await launch([`arg=${interpreter}`, PATH_RECORD]);
      assert.deepEqual([missing.code, ...missing.report], [127, "execute", "2", "ENOENT", interpreter]);
      const long = await launch(["arg=true", PATH_RECORD, `env=LONG=${"x".repeat(1 << 20)}`]);
      assert.deepEqual([long.code, long.report[0], long.report[2]], [126, "execute", "E2BIG"]);
    });
  });

  describe("instructions", () => {
    it("are refused when a record is malformed, with the record", async () => {
      const wrong = [
        "nonsense",
        "colour=red",
        "uid=-1",
        "uid=4294967295",
        "gid=1x",
        "group=",
        "umask=9",
        "tty=yes",
        "rlimit=files:1:2",
        "rlimit=nofile:1",
        "rlimit=nofile:1:many",
        "capabilities=CAP_NONE",
        "oom-score-adj=--1",
      ];
      for (const record of wrong) {
        const { code, report } = await launch(["arg=true", PATH_RECORD, record]);
        assert.deepEqual([code, ...report], [126, "instructions", "22", "EINVAL", record]);
      }
    });

    it("are refused without an argument, unterminated, or too long", async () => {
      assert.deepEqual((await launch([PATH_RECORD])).report.slice(2), ["EINVAL", "no arg"]);
      assert.deepEqual((await launch(Buffer.from("arg=true"))).report.slice(2), [
        "EINVAL",
        "unterminated record",
      ]);
      assert.deepEqual((await launch(Buffer.alloc(0))).report.slice(2), ["EINVAL", "no arg"]);
      const long = Buffer.alloc((4 << 20) + 1, "arg=x\0");
      assert.deepEqual((await launch(long)).report.slice(0, 3), ["instructions", "7", "E2BIG"]);
    });

    it("need their descriptor, and the report does not", () => {
      const { status: code } = spawnSync(built("tether-exec"), [], { stdio: "ignore" });
      assert.equal(code, 126);
    });
  });

  describe("namespaces", () => {
    it("enters the mount namespace and its root, and joins the cgroup", async () => {
      const seen = await isolated(`
        const root = "/mnt/root";
        fs.mkdirSync(root);
        system.mount("tmpfs", root, "tmpfs", 0, null);
        for (const name of ["bin", "usr", "lib", "lib64", "proc", "work"]) fs.mkdirSync(root + "/" + name);
        fs.mkdirSync(root + "/work/linked");
        fs.symlinkSync("/work/linked", root + "/link");
        const bind = (name) => ({ do: "mount", source: name, target: root + name, type: null, flags: MS_BIND | MS_REC });
        const made = system.createMountNamespace(root, [...["/bin", "/usr", "/lib", "/lib64"].map(bind),
          { do: "mount", source: "proc", target: root + "/proc", type: "proc", flags: 0 }]);
        const instructions = system.memoryFile("instructions", Buffer.from(["arg=sh", "arg=-c",
          "arg=pwd; ls -d /[a-z]*; stat -c %u:%a /work/linked/made; id -u", "env=PATH=/usr/bin:/bin", "cwd=/link/made", "make-cwd=1",
          "uid=77", "gid=77", ""].join("\\0")));
        const program = system.memoryFile("tether-exec", fs.readFileSync(${JSON.stringify(built("tether-exec"))}));
        const [reader, writer] = system.pipe();
        const [report, reportWriter] = system.pipe();
        const procs = fs.openSync("/mnt/cgroup.procs", "w");
        const pid = system.spawn({ path: "/proc/self/fd/" + program, args: ["tether-exec"], env: [],
          descriptors: [0, writer, writer, instructions, reportWriter, made.namespace, procs] });
        fs.closeSync(writer); fs.closeSync(reportWriter);
        const text = fs.readFileSync(reader, "utf8");
        result([text, fs.readFileSync(report, "utf8"), fs.readFileSync("/mnt/cgroup.procs", "utf8")]);
      `);
      const [output, report, joined] = seen as [string, string, string];
      assert.equal(report, "");
      assert.equal(joined, "0");
      assert.equal(output, "/work/linked/made\n/bin\n/lib\n/lib64\n/link\n/proc\n/usr\n/work\n0:755\n77\n");
    });

    it("reports a descriptor that is no mount namespace", () => {
      const other = linux.memoryFile("other", new Uint8Array(0));
      const file = linux.memoryFile("instructions", encode(["arg=true", PATH_RECORD]));
      const { output, status: code } = spawnSync(built("tether-exec"), [], {
        stdio: ["ignore", "pipe", "pipe", file, "pipe", other],
      });
      closeSync(file);
      closeSync(other);
      assert.equal(code, 126);
      assert.deepEqual(String(output[4]).split("\0"), ["mount-namespace", "22", "EINVAL", "", ""]);
    });

    it("gives the program a cgroup namespace when asked for", async () => {
      const own = execFileSync("readlink", ["/proc/self/ns/cgroup"]).toString();
      assert.equal(await launchShell("readlink /proc/self/ns/cgroup"), own);
      assert.notEqual(await launchShell("readlink /proc/self/ns/cgroup", "cgroup-namespace=1"), own);
    });
  });
});
