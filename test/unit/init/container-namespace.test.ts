import assert from "node:assert/strict";
import { containerNamespaceSteps, type NamespaceOptions } from "../../../src/init/container-namespace.ts";
import { listMachineDevices } from "../../../src/init/machine-devices.ts";
import {
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REMOUNT,
} from "../../../src/init/mount-flags.ts";
import type { NamespaceStep } from "../../../src/system/system.ts";

const ROOT = "/container";
const FILES = { hostname: "/run/hostname", hosts: "/run/hosts", resolvConf: "/run/resolv.conf" };
const USUAL = {
  privileged: false,
  readOnlyRoot: false,
  workingDirectory: "/",
  shmBytes: 0,
  machineDevices: [],
};
const steps = containerNamespaceSteps(ROOT, FILES);
type Mount = Extract<NamespaceStep, { do: "mount" }>;
const mounts = steps.filter((step): step is Mount => step.do === "mount");
const mountsAt = (path: string): Mount[] => mounts.filter(({ target }) => target === ROOT + path);
const positionOf = (path: string): number =>
  steps.findIndex((step) => step.do === "mount" && step.target === ROOT + path);

describe("the container's mount namespace", () => {
  it("touches nothing outside the container's root", () => {
    for (const { target } of steps)
      assert.ok(target.startsWith(`${ROOT}/`) && !target.includes(".."), target);
  });

  it("takes only these from outside: terminals, its cgroup, and the generated files", () => {
    const sources = mounts.flatMap(({ source, flags }) =>
      source !== null && flags & MS_BIND ? [source] : [],
    );
    const outside = sources.filter((source) => !source.startsWith(ROOT));
    assert.deepEqual(
      [...new Set(outside)].toSorted(),
      ["/dev/pts", "/run/hostname", "/run/hosts", "/run/resolv.conf", "/sys/fs/cgroup/container"].toSorted(),
    );
  });

  it("mounts a file system before anything that lies in it", () => {
    for (const [index, { target }] of steps.entries()) {
      for (const parent of ["/proc", "/dev", "/sys"]) {
        if (target.startsWith(`${ROOT}${parent}/`))
          assert.ok(positionOf(parent) < index, `${target} before ${parent}`);
      }
    }
  });

  it("makes every mount point that an image may lack before it is mounted on", () => {
    for (const path of [
      "/proc",
      "/dev",
      "/dev/pts",
      "/dev/shm",
      "/dev/mqueue",
      "/sys",
      "/etc/hosts",
      "/etc/hostname",
      "/etc/resolv.conf",
    ]) {
      const made = steps.findIndex(
        (step) => step.target === ROOT + path && /make-(directory|file)/.test(step.do),
      );
      assert.ok(made >= 0 && made < positionOf(path), path);
    }
    const etc = steps.findIndex((step) => step.do === "make-directory" && step.target === `${ROOT}/etc`);
    assert.ok(etc >= 0 && etc < steps.findIndex((step) => step.do === "make-file"));
  });

  it("has Docker's devices, open to everyone, and none that reaches the machine", () => {
    const nodes = steps.filter((step) => step.do === "make-node");
    assert.deepEqual(
      nodes.map(({ target, mode, major, minor }) => [
        target.slice(ROOT.length),
        mode.toString(8),
        major,
        minor,
      ]),
      [
        ["/dev/null", "20666", 1, 3],
        ["/dev/zero", "20666", 1, 5],
        ["/dev/full", "20666", 1, 7],
        ["/dev/random", "20666", 1, 8],
        ["/dev/urandom", "20666", 1, 9],
        ["/dev/tty", "20666", 5, 0],
      ],
    );
  });

  it("has the links to a process's own streams and to its terminals", () => {
    const links = steps.filter((step) => step.do === "symlink");
    const named = Object.fromEntries(links.map(({ source, target }) => [target.slice(ROOT.length), source]));
    assert.equal(named["/dev/stdout"], "/proc/self/fd/1");
    assert.equal(named["/dev/fd"], "/proc/self/fd");
    assert.equal(named["/dev/ptmx"], "pts/ptmx");
  });

  it("allows devices and set-user programs in none of the kernel's file systems", () => {
    for (const path of ["/proc", "/sys", "/dev/shm", "/dev/mqueue"]) {
      const [mount] = mountsAt(path);
      assert.equal(
        (mount?.flags ?? 0) & (MS_NOSUID | MS_NODEV | MS_NOEXEC),
        MS_NOSUID | MS_NODEV | MS_NOEXEC,
        path,
      );
    }
    assert.equal((mountsAt("/sys")[0]?.flags ?? 0) & MS_RDONLY, MS_RDONLY);
  });

  it("makes each of Docker's read-only paths read-only with a second mount", () => {
    for (const path of ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]) {
      const [bind, remount] = mountsAt(path);
      assert.equal(bind?.source, ROOT + path);
      assert.equal(
        (remount?.flags ?? 0) & (MS_BIND | MS_REMOUNT | MS_RDONLY),
        MS_BIND | MS_REMOUNT | MS_RDONLY,
        path,
      );
      assert.ok(bind?.optional === true && remount?.optional === true, path);
    }
    const cgroup = mountsAt("/sys/fs/cgroup").at(-1);
    assert.equal((cgroup?.flags ?? 0) & MS_RDONLY, MS_RDONLY);
  });

  it("masks Docker's masked paths, when the kernel has them, with nothing to read or write", () => {
    const folders = [
      "/proc/acpi",
      "/proc/asound",
      "/proc/scsi",
      "/sys/firmware",
      "/sys/devices/virtual/powercap",
    ];
    const files = [
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/timer_list",
      "/proc/sched_debug",
      "/proc/interrupts",
    ];
    for (const path of folders) {
      const [mask] = mountsAt(path);
      assert.equal(mask?.type, "tmpfs", path);
      assert.equal((mask?.flags ?? 0) & MS_RDONLY, MS_RDONLY, path);
    }
    for (const path of files) assert.equal(mountsAt(path)[0]?.source, `${ROOT}/dev/null`, path);
    for (const path of [...folders, ...files]) assert.equal(mountsAt(path)[0]?.optional, true, path);
  });

  it("masks last, so that nothing is laid over a mask", () => {
    const lastMask = positionOf("/sys/firmware");
    assert.equal(lastMask, steps.length - 1);
  });
});

const mountsOf = (changes: Partial<NamespaceOptions>): Mount[] =>
  containerNamespaceSteps(ROOT, FILES, { ...USUAL, ...changes }).filter((step) => step.do === "mount");

describe("a privileged container's mount namespace", () => {
  const privileged = mountsOf({ privileged: true });

  it("has nothing masked and nothing read-only", () => {
    for (const { target, flags, type } of privileged) assert.equal(flags & MS_RDONLY, 0, `${type} ${target}`);
    assert.ok(!privileged.some(({ source }) => source === `${ROOT}/dev/null`));
    const below = privileged.filter(({ target }) => /^\/container\/(proc|sys)\/(?!fs\/cgroup)/.test(target));
    assert.deepEqual(below, []);
  });

  it("has the machine's devices beside its own", () => {
    const all = containerNamespaceSteps(ROOT, FILES, {
      ...USUAL,
      privileged: true,
      machineDevices: [
        { do: "make-directory", path: "net", mode: 0o755 },
        { do: "make-node", path: "net/tun", mode: 0o020666, major: 10, minor: 200 },
      ],
    });
    const tun = all.findIndex(({ target }) => target === `${ROOT}/dev/net/tun`);
    assert.deepEqual(all[tun], {
      ...{ do: "make-node", target: `${ROOT}/dev/net/tun` },
      ...{ mode: 0o020666, major: 10, minor: 200 },
    });
    assert.equal(all[tun - 1]?.target, `${ROOT}/dev/net`);
  });
});

describe("a container's read-only root", () => {
  const all = containerNamespaceSteps(ROOT, FILES, {
    ...USUAL,
    readOnlyRoot: true,
    workingDirectory: "/srv//a/./b/",
  });
  const closing = all.findIndex(({ target }) => target === ROOT);

  it("is closed when everything in it has been made, the working directory too", () => {
    assert.ok(closing >= 0);
    assert.ok(all.slice(closing).every((step) => step.do === "mount"));
    const made = all.slice(0, closing).flatMap((step) => (step.do === "make-directory" ? [step.target] : []));
    for (const path of ["/srv", "/srv/a", "/srv/a/b"]) assert.ok(made.includes(ROOT + path), path);
  });

  it("takes the generated files with it, and nothing that Docker leaves writable", () => {
    const closed = mountsOf({ readOnlyRoot: true }).filter(({ flags }) => flags & MS_RDONLY);
    const open = mountsOf({}).filter(({ flags }) => flags & MS_RDONLY);
    const targets = closed.map(({ target }) => target.slice(ROOT.length));
    const usual = new Set(open.map(({ target }) => target.slice(ROOT.length)));
    assert.deepEqual(
      targets.filter((target) => !usual.has(target)),
      ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts", ""],
    );
  });
});

describe("the machine's devices", () => {
  it("are every node below /dev but the container's own", () => {
    const devices = listMachineDevices();
    const null_ = devices.find(({ path }) => path === "null");
    assert.deepEqual(null_, { do: "make-node", path: "null", mode: 0o020666, major: 1, minor: 3 });
    for (const { path } of devices) assert.doesNotMatch(path, /^(pts|shm|mqueue|fd|console)(\/|$)/);
  });
});
