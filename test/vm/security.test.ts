import assert from "node:assert/strict";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";
import { type Answers, ask } from "../support/vm-questions.ts";

const STATUS = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'";

const QUESTIONS = {
  status: STATUS,
  groups: "grep ^Groups: /proc/self/status",
  rename: "hostname renamed",
  unshare: "unshare -m true",
  mount: "mkdir -p /tmp/m && mount -t tmpfs x /tmp/m",
  disk: "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
  memory: "mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem",
  console: "mknod /tmp/console c 5 1 && echo x > /tmp/console",
  port: 'mknod /tmp/port c "$(grep virtio-portsdev /proc/devices | cut -d" " -f1)" 1 && head -c 1 /tmp/port',
  ownDevice: "mknod /tmp/zero c 1 5 && head -c 2 /tmp/zero | wc -c",
  rootFile: "touch /written",
  hosts: "echo >> /etc/hosts",
  shm: "touch /dev/shm/x && touch /dev/x",
  kernel: "echo 1 > /proc/sys/kernel/panic && cat /proc/sys/kernel/panic",
  masked: "ls /sys/firmware | wc -l; wc -c < /proc/keys",
  machineDisk: "ls /dev/vda",
  cgroup: "mkdir /sys/fs/cgroup/of-mine && echo made",
  limits: "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj",
  parameters: "cat /proc/sys/net/ipv4/ip_forward /proc/sys/vm/swappiness",
  directory: "pwd",
} as const;

describe("a container's security", () => {
  const host = useHost();
  const inside = (...options: string[]): Promise<Answers<keyof typeof QUESTIONS>> =>
    ask(host, [...options, DEMO_IMAGE], QUESTIONS);

  it("is Docker's by default: its capabilities, its filter, and none of the machine's devices", async () => {
    const answers = await inside();
    assert.equal(
      answers.status.output,
      "CapEff:00000000a80425fb\nCapBnd:00000000a80425fb\nNoNewPrivs:0\nSeccomp:2\n",
    );
    for (const name of [
      "rename",
      "unshare",
      "mount",
      "disk",
      "memory",
      "console",
      "port",
      "cgroup",
    ] as const) {
      assert.match(answers[name].output, /not permitted|permission denied|Read-only/, name);
      assert.notEqual(answers[name].status, 0, name);
    }
    assert.equal(answers.ownDevice.output, "2\n");
    assert.equal(answers.masked.output, "0\n0\n");
    assert.match(answers.groups.output, /^Groups:\s0 /);
  });

  it("widens with --cap-add, and the filter with it; narrows with no-new-privileges", async () => {
    const answers = await inside(
      ...["--cap-add", "sys_admin", "--cap-drop", "CAP_MKNOD", "--security-opt", "no-new-privileges"],
      ...["--group-add", "77", "--ulimit", "nofile=100:200", "--oom-score-adj", "300"],
      ...["--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "vm.swappiness=7"],
    );
    assert.equal(
      answers.status.output,
      "CapEff:00000000a02425fb\nCapBnd:00000000a02425fb\nNoNewPrivs:1\nSeccomp:2\n",
    );
    for (const name of ["rename", "unshare", "mount"] as const) assert.equal(answers[name].status, 0, name);
    assert.match(answers.ownDevice.output, /not permitted/);
    assert.match(answers.groups.output, /^Groups:.* 77 /);
    assert.equal(answers.limits.output, "100\n200\n300\n");
    assert.equal(answers.parameters.output, "1\n7\n");
  });

  it("is nothing at all that Linux could withhold, with --privileged", async () => {
    const answers = await inside("--privileged");
    assert.equal(
      answers.status.output,
      "CapEff:000001ffffffffff\nCapBnd:000001ffffffffff\nNoNewPrivs:0\nSeccomp:0\n",
    );
    for (const name of ["rename", "unshare", "mount", "disk", "memory", "machineDisk", "cgroup"] as const)
      assert.equal(answers[name].status, 0, `${name}: ${answers[name].output}`);
    assert.equal(answers.kernel.output, "1\n");
    assert.doesNotMatch(answers.masked.output, /^0\n/);
  });

  it("closes the image's files with --read-only, and leaves memory writable", async () => {
    const answers = await inside("--read-only", "-w", "/made/before", "--security-opt", "seccomp=unconfined");
    for (const name of ["rootFile", "hosts"] as const)
      assert.match(answers[name].output, /Read-only file system/);
    assert.equal(answers.shm.status, 0, answers.shm.output);
    assert.equal(answers.directory.output, "/made/before\n");
    assert.match(answers.status.output, /Seccomp:0/);
  });

  it("names what cannot be: a parameter, a limit, a group", async () => {
    const refused = async (...options: string[]): Promise<[number, string]> => {
      const { status, complaints } = await host.run(["run", "--rm", ...options, DEMO_IMAGE, "true"]);
      return [status, complaints.join("\n")];
    };
    const [status, message] = await refused("--sysctl", "net.nosuch=1");
    assert.equal(status, 125);
    assert.match(message, /sysctl net\.nosuch=1: no such file or directory/);
    assert.match((await refused("--ulimit", "nofile=2000000"))[1], /at rlimit: .*nofile:2000000:2000000/);
    assert.match((await refused("--group-add", "nosuch"))[1], /Unable to find group nosuch/);
    assert.match((await refused("--cap-add", "fly"))[1], /invalid CapAdd: unknown capability: "CAP_FLY"/);
  });
});
