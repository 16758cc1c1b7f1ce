import assert from "node:assert/strict";
import { type Answers, ask } from "../support/vm-questions.ts";
import { useHost } from "../support/vm-host.ts";
import { writeBusyboxImage } from "../support/vm-images.ts";

/** What `docker run` shows for its default set of capabilities. */
const DOCKER_CAPABILITIES = "00000000a80425fb";

const QUESTIONS = {
  mounts: "cat /proc/mounts",
  devices: "cd /dev; for f in *; do stat -c '%n %F %a %t:%T' $f; done",
  links: "cd /dev; for f in fd stdin stdout stderr core ptmx; do echo $f $(readlink $f); done",
  usedDevices:
    "head -c 3 /dev/zero | wc -c; echo x > /dev/null; echo x > /dev/full; head -c 4 /dev/urandom | wc -c",
  pts: "ls /dev/pts",
  shm: "echo kept > /dev/shm/file && cat /dev/shm/file",
  stdout: "echo by path > /dev/stdout; echo again >> /proc/self/fd/1",
  masked:
    "for f in kcore keys timer_list interrupts; do wc -c < /proc/$f; done; ls -A /sys/firmware /proc/acpi",
  modules: "cat /proc/modules",
  writeSys: "echo 1 > /sys/kernel/profiling",
  writeSysctl: "echo 1 > /proc/sys/kernel/panic",
  writeSysrq: "echo h > /proc/sysrq-trigger",
  remount: "mount -o remount,rw /sys",
  hostname: "hostname; cat /etc/hostname",
  hosts: "cat /etc/hosts",
  resolv: "test -f /etc/resolv.conf && echo there >> /etc/resolv.conf && cat /etc/resolv.conf",
  loopback: "cat /sys/class/net/lo/flags; ping -c 1 -W 5 127.0.0.1 >/dev/null && echo pong",
  environment: "env",
  directory: "pwd; stat -c '%u:%g %a' /made/for/us",
  identity: "id",
  capabilities: "grep Cap /proc/self/status",
  privileges: "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status",
  cgroup:
    "cat /proc/self/cgroup; ls -d /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/memory.current; ls -d /sys/fs/cgroup/tether",
  agentFiles:
    "ls -d /tether /container /agent /run/tether; ls /proc/1/root/; cat /proc/1/environ; cat /proc/1/fd/0; cat /proc/1/mem",
  agentDisk: "ls /dev/vda /dev/vdb",
  commandLine: "cat /proc/cmdline",
  signals: "for s in $(seq 1 64); do kill -$s 1 2>/dev/null; done; echo alive",
  parent: "grep PPid /proc/$$/status",
  orphans: `
    i=0; while [ $i -lt 1000 ]; do (true &); i=$((i+1)); done
    (sleep 0.2 &)
    n=0; while grep -qsE '^State:[[:space:]]+Z' /proc/[0-9]*/status && [ $n -lt 200 ]; do n=$((n+1)); sleep 0.05; done
    grep -lsE '^State:[[:space:]]+Z' /proc/[0-9]*/status | wc -l`,
  umask: "umask",
  files: "ulimit -n",
  processes: "ulimit -u",
  // Node's debugger listens at 9229 some time after SIGUSR1; the orphans come in between.
  debugger: "cat /proc/net/tcp /proc/net/tcp6 | grep -ci ':240D '",
  memory: "awk '/^MemTotal/ { print $2 }' /proc/meminfo",
  processors: "nproc",
  openFiles: "ls /proc/self/fd | tr '\\n' ' '",
} as const;

describe("a container, seen from inside", () => {
  const host = useHost();
  let image: string;
  before(async () => {
    image = await writeBusyboxImage(host.file("image"), {
      passwd: "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1000:worker:/home/worker:/bin/sh\n",
      group: "root:x:0:\nworker:x:1000:\nvideo:x:44:worker\nstaff:x:50:someone,worker\n",
      config: { Env: ["PATH=/opt/bin:/bin", "FROM_IMAGE=yes", "BOTH=image"] },
    });
  });

  describe("as root", () => {
    let answers: Answers<keyof typeof QUESTIONS>;
    const output = (name: keyof typeof QUESTIONS): string => answers[name].output;
    before(async () => {
      const options = [
        "-e",
        "BOTH=option",
        "-e",
        "A=1=2",
        "-w",
        "/made/for/us",
        "-h",
        "box.example",
        "-m",
        "256m",
        "--cpus",
        "1",
      ];
      answers = await ask(host, [...options, image], QUESTIONS);
    });

    it("has /proc, /sys read-only, /dev, /dev/pts, /dev/shm and /dev/mqueue", () => {
      const mounts = output("mounts")
        .split("\n")
        .map((line) => line.split(" "));
      const find = (path: string): string[] => mounts.find(([, target]) => target === path) ?? [];
      const table: [string, string, RegExp][] = [
        ["/", "ext4", /^rw,/],
        ["/proc", "proc", /^rw,nosuid,nodev,noexec/],
        ["/sys", "sysfs", /^ro,nosuid,nodev,noexec/],
        ["/sys/fs/cgroup", "cgroup2", /^ro,nosuid,nodev,noexec/],
        ["/dev", "tmpfs", /^rw,nosuid.*size=65536k,mode=755/],
        ["/dev/pts", "devpts", /^rw,nosuid,noexec.*gid=5,mode=620,ptmxmode=666/],
        ["/dev/shm", "tmpfs", /^rw,nosuid,nodev,noexec.*size=65536k/],
        ["/dev/mqueue", "mqueue", /^rw,nosuid,nodev,noexec/],
      ];
      for (const [path, type, options] of table) {
        assert.equal(find(path)[2], type, path);
        assert.match(find(path)[3] ?? "", options, path);
      }
    });

    it("has Docker's devices, and no other", () => {
      assert.deepEqual(
        output("devices")
          .trim()
          .split("\n")
          .map((line) => line.replace(" character special file", "")),
        [
          "core symbolic link 777 0:0",
          "fd symbolic link 777 0:0",
          "full 666 1:7",
          "mqueue directory 1777 0:0",
          "null 666 1:3",
          "ptmx symbolic link 777 0:0",
          "pts directory 755 0:0",
          "random 666 1:8",
          "shm directory 1777 0:0",
          "stderr symbolic link 777 0:0",
          "stdin symbolic link 777 0:0",
          "stdout symbolic link 777 0:0",
          "tty 666 5:0",
          "urandom 666 1:9",
          "zero 666 1:5",
        ],
      );
      assert.match(
        output("links"),
        /^fd \/proc\/self\/fd\nstdin \/proc\/self\/fd\/0\nstdout \/proc\/self\/fd\/1\nstderr \/proc\/self\/fd\/2\ncore \/proc\/kcore\nptmx pts\/ptmx\n$/,
      );
    });

    it("has devices that work", () => {
      assert.match(output("usedDevices"), /^3\n.*No space left on device\n4\n$/s);
      assert.equal(output("pts"), "ptmx\n");
      assert.equal(output("shm"), "kept\n");
    });

    it("can open its outputs by path", () => {
      assert.equal(output("stdout"), "by path\nagain\n");
    });

    it("cannot read the kernel's secrets, nor the machine's configuration", () => {
      assert.equal(output("masked"), "0\n0\n0\n0\n/proc/acpi:\n\n/sys/firmware:\n");
      assert.doesNotMatch(output("modules"), /fw_cfg/);
      assert.match(output("modules"), /virtio/);
    });

    it("cannot write kernel settings", () => {
      for (const name of ["writeSys", "writeSysctl", "writeSysrq"] as const) {
        assert.match(output(name), /Read-only file system/, name);
      }
      assert.notEqual(answers.remount.status, 0);
    });

    it("has its host name, also in the files of names", () => {
      assert.equal(output("hostname"), "box.example\nbox.example\n");
      assert.match(output("hosts"), /^127\.0\.0\.1\tlocalhost\n/);
      assert.match(output("hosts"), /\tbox\.example box\n/);
      assert.equal(output("resolv"), "there\n");
    });

    it("has a loopback interface that is up", () => {
      assert.equal(Number(output("loopback").split("\n")[0]) & 1, 1);
      assert.match(output("loopback"), /pong/);
    });

    it("has the image's environment, the user's above it, and Docker's HOME and HOSTNAME", () => {
      const lines = output("environment")
        .trim()
        .split("\n")
        .filter((line) => !/^(SHLVL|PWD|OLDPWD)=/.test(line));
      assert.deepEqual(lines.sort(), [
        "A=1=2",
        "BOTH=option",
        "FROM_IMAGE=yes",
        "HOME=/root",
        "HOSTNAME=box.example",
        "PATH=/opt/bin:/bin",
      ]);
    });

    it("starts in a working directory that is made when the image lacks it", () => {
      assert.equal(output("directory"), "/made/for/us\n0:0 755\n");
    });

    it("runs as root with Docker's capabilities, and no more can be had", () => {
      assert.equal(output("identity"), "uid=0(root) gid=0(root) groups=0(root)\n");
      const sets = Object.fromEntries(
        output("capabilities")
          .trim()
          .split("\n")
          .map((line) => line.split(/:\s+/)),
      );
      assert.deepEqual(sets, {
        CapInh: "0000000000000000",
        CapPrm: DOCKER_CAPABILITIES,
        CapEff: DOCKER_CAPABILITIES,
        CapBnd: DOCKER_CAPABILITIES,
        CapAmb: "0000000000000000",
      });
    });

    it("sees its own cgroup as the root of them", () => {
      assert.match(
        output("cgroup"),
        /^0::\/\n\/sys\/fs\/cgroup\/cgroup\.procs\n\/sys\/fs\/cgroup\/memory\.current\n/,
      );
      assert.match(output("cgroup"), /tether: No such file/);
    });

    it("reaches none of the agent's files", () => {
      assert.doesNotMatch(output("agentFiles"), /^\//m);
      assert.doesNotMatch(output("agentFiles"), /=/);
      assert.equal(output("agentFiles").match(/No such file/g)?.length, 4, output("agentFiles"));
      assert.equal(output("agentFiles").match(/Permission denied/g)?.length, 4, output("agentFiles"));
      assert.equal(output("agentDisk").match(/No such file/g)?.length, 2);
    });

    it("cannot end, stop or debug the agent with any signal", () => {
      assert.equal(output("signals"), "alive\n");
      assert.equal(output("debugger"), "0\n");
    });

    it("leaves its orphans to the agent, which reaps a thousand of them", () => {
      assert.equal(output("parent"), "PPid:\t1\n");
      assert.equal(output("orphans").trim(), "0");
    });

    it("has Docker's umask and limits, and no open files but its streams", () => {
      assert.equal(output("umask"), "0022\n");
      assert.equal(output("files"), "1048576\n");
      assert.equal(output("processes"), "unlimited\n");
      // The fourth is the folder that ls reads.
      assert.equal(output("openFiles").trim(), "0 1 2 3");
    });

    it("has the memory and processors that were asked for", () => {
      const kibibytes = Number(output("memory"));
      assert(kibibytes > 200 * 1024 && kibibytes <= 256 * 1024, `${kibibytes} KiB`);
      assert.equal(output("processors"), "1\n");
    });
  });

  describe("as a user with further groups", () => {
    const questions = {
      identity: QUESTIONS.identity,
      capabilities: QUESTIONS.capabilities,
      stdout: "echo by path > /dev/stdout; echo by path > /dev/stderr",
      home: "echo $HOME; cd; touch file && stat -c %U:%G file",
      shm: QUESTIONS.shm,
      root: "cat /proc/1/environ; touch /etc/file; kill -9 1",
    } as const;
    let answers: Answers<keyof typeof questions>;
    before(async () => {
      answers = await ask(host, ["-u", "worker", image], questions);
    });

    it("has the user's groups", () => {
      assert.equal(
        answers.identity.output,
        "uid=1000(worker) gid=1000(worker) groups=44(video),50(staff),1000(worker)\n",
      );
    });

    it("has no capabilities, though a set-user-ID program could have Docker's", () => {
      assert.match(
        answers.capabilities.output,
        /CapPrm:\t0{16}\nCapEff:\t0{16}\nCapBnd:\t00000000a80425fb\n/,
      );
    });

    it("can open its outputs by path", () => {
      assert.equal(answers.stdout.output, "by path\nby path\n");
    });

    it("has its home directory, and may write there and to shared memory", () => {
      assert.equal(answers.home.output, "/home/worker\nworker:worker\n");
      assert.equal(answers.shm.output, "kept\n");
    });

    it("may not do what root may", () => {
      assert.match(
        answers.root.output,
        /environ.*Permission denied\n.*file.*Permission denied\n.*not permitted/s,
      );
    });
  });

  it("takes a user and a group by number that it has never heard of", async () => {
    const { identity, home } = await ask(host, ["-u", "4321:8765", image], {
      identity: "id",
      home: "echo $HOME",
    });
    assert.equal(identity.output, "uid=4321 gid=8765 groups=8765\n");
    assert.equal(home.output, "/\n");
  });
});
