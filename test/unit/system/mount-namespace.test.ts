import assert from "node:assert/strict";
import { isolated } from "./linux.ts";

/** Makes a tree on a tmpfs, and `inside(script)`, which runs a shell script in a namespace. */
const TREE = `
  const root = "/mnt/root-" + process.pid;
  fs.mkdirSync(root, { recursive: true });
  system.mount("tmpfs", root, "tmpfs", 0, null);
  for (const name of ["dev", "etc", "bin", "proc", "data", "lib", "lib64", "usr"]) fs.mkdirSync(root + "/" + name);
  fs.writeFileSync(root + "/etc/name", "container\\n");
  const run = (program, args) => {
    const [reader, writer] = system.pipe();
    system.spawn({ path: program, args, env: ["PATH=/bin:/usr/bin"], descriptors: [0, writer, writer] });
    fs.closeSync(writer);
    const text = fs.readFileSync(reader, "utf8");
    fs.closeSync(reader);
    return text;
  };
  const inside = (made, script) => run("/usr/bin/nsenter",
    ["nsenter", "--mount=/proc/" + process.pid + "/fd/" + made.namespace, "--", "/bin/sh", "-c", script]);
  // The programs of this machine, so that a shell runs in the tree.
  const tools = ["bin", "lib", "lib64", "usr"].map((name) => (
    { do: "mount", source: "/" + name, target: root + "/" + name, type: null, flags: MS_BIND | MS_REC }));
  const step = (fields) => ({ source: null, type: null, flags: 0, ...fields });
`;

describe("createMountNamespace", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("makes the root the namespace's root, with what the steps made", async () => {
    const seen = await isolated(`${TREE}
      const made = system.createMountNamespace(root, [...tools,
        step({ do: "mount", source: "proc", target: root + "/proc", type: "proc" }),
        step({ do: "mount", source: "tmpfs", target: root + "/dev", type: "tmpfs", flags: MS_NOSUID, data: "mode=755" }),
        { do: "make-directory", target: root + "/dev/pts", mode: 0o711 },
        { do: "make-file", target: root + "/dev/console", mode: 0o622 },
        { do: "symlink", source: "/proc/self/fd", target: root + "/dev/fd" },
        { do: "make-node", target: root + "/dev/null", mode: 0o20666, major: 1, minor: 3 },
        step({ do: "mount", source: "/etc/hostname", target: root + "/etc/name", flags: MS_BIND }),
        step({ do: "mount", target: root + "/etc/name", flags: MS_BIND | MS_REMOUNT | MS_RDONLY }),
      ]);
      const seen = inside(made, "pwd; ls /; stat -c '%n %a %t,%T %N' /dev/pts /dev/console /dev/null /dev/fd; " +
        "echo x > /etc/name; cut -d' ' -f5 /proc/self/mountinfo | sort | tr '\\\\n' ' '");
      const rootFile = fs.readFileSync("/proc/self/fd/" + made.root + "/etc/name", "utf8");
      result([seen, rootFile === fs.readFileSync("/etc/hostname", "utf8"), fs.existsSync("/dev/tty")]);
    `);
    const [text, isHostname, isOutsideKept] = seen as [string, boolean, boolean];
    const lines = text.trimEnd().split("\n");
    assert.equal(lines[0], "/");
    assert.deepEqual(lines.slice(1, 9), ["bin", "data", "dev", "etc", "lib", "lib64", "proc", "usr"]);
    assert.match(lines[9] ?? "", /^\/dev\/pts 711 /);
    assert.match(lines[10] ?? "", /^\/dev\/console 622 /);
    assert.match(lines[11] ?? "", /^\/dev\/null 666 1,3 /);
    assert.match(lines[12] ?? "", /'\/dev\/fd' -> '\/proc\/self\/fd'/);
    assert.match(lines[13] ?? "", /Read-only file system/);
    assert.ok(lines[14]?.startsWith("/ /bin"), lines[14]);
    assert.ok(isHostname);
    assert.ok(isOutsideKept);
  });

  it("leaves the caller's own mounts alone", async () => {
    const seen = await isolated(`${TREE}
      const before = fs.readFileSync("/proc/self/mountinfo", "utf8");
      const made = system.createMountNamespace(root, [step({ do: "mount", source: "t", target: root + "/data", type: "tmpfs" })]);
      result([before === fs.readFileSync("/proc/self/mountinfo", "utf8"), process.cwd(),
        /flags:\\s+02\\d{6}\\n/.test(fs.readFileSync("/proc/self/fdinfo/" + made.namespace, "utf8")),
        /flags:\\s+012\\d{6}/.test(fs.readFileSync("/proc/self/fdinfo/" + made.root, "utf8"))]);
    `);
    assert.deepEqual(seen, [true, process.cwd(), true, true]);
  });

  it("turns a plain directory into a root as well", async () => {
    const seen = await isolated(`${TREE}
      fs.mkdirSync(root + "/data/plain/proc", { recursive: true });
      fs.writeFileSync(root + "/data/plain/mark", "");
      const made = system.createMountNamespace(root + "/data/plain", []);
      result(fs.readdirSync("/proc/self/fd/" + made.root).sort());
    `);
    assert.deepEqual(seen, ["mark", "proc"]);
  });

  it("keeps every step below the root, whatever symbolic links the image has", async () => {
    const seen = (await isolated(`${TREE}
      const outside = "/mnt/outside-" + process.pid;
      fs.mkdirSync(outside);
      fs.writeFileSync(outside + "/secret", "secret");
      const link = (target, name) => fs.symlinkSync(target, root + "/" + name);
      link(outside, "absolute");
      link("../../../.." + outside, "relative");
      link("/proc/self/root" + outside, "magic");
      link(outside + "/secret", "data/file");
      fs.mkdirSync(root + outside, { recursive: true });
      fs.writeFileSync(root + outside + "/secret", "own");
      const attempts = [
        step({ do: "mount", source: "t", target: root + "/absolute", type: "tmpfs" }),
        step({ do: "mount", source: "t", target: root + "/relative", type: "tmpfs" }),
        step({ do: "mount", source: "/etc/hostname", target: root + "/data/file", flags: MS_BIND }),
        { do: "make-directory", target: root + "/absolute/made", mode: 0o755 },
        { do: "make-file", target: root + "/relative/made-file", mode: 0o644 },
        { do: "symlink", source: "x", target: root + "/absolute/made-link" },
        { do: "make-node", target: root + "/relative/made-node", mode: 0o20666, major: 1, minor: 3 },
        { do: "make-directory", target: root + "/../../mnt/escaped", mode: 0o755 },
        { do: "make-file", target: root + "/absolute", mode: 0o644 },
        step({ do: "mount", source: root + "/data/file", target: root + "/etc/name", flags: MS_BIND }),
      ];
      const failures = attempts.map((one) => attempt(() => system.createMountNamespace(root, [
        step({ do: "mount", source: "proc", target: root + "/proc", type: "proc" }), one]))?.code ?? "done");
      const magic = attempt(() => system.createMountNamespace(root, [
        step({ do: "mount", source: "proc", target: root + "/proc", type: "proc" }),
        { do: "make-directory", target: root + "/magic/made", mode: 0o755 }]));
      result([failures, magic.code, magic.path === root + "/magic/made",
        fs.readdirSync(outside), fs.readdirSync(root + outside).sort(), fs.readdirSync(root + "/mnt").length,
        fs.existsSync("/mnt/escaped"), fs.readFileSync(outside + "/secret", "utf8"),
        attempt(() => system.createMountNamespace(root, [{ do: "make-file", target: outside + "/x", mode: 0o644 }]))]);
    `)) as unknown[];
    assert.deepEqual(seen.slice(1, 3), ["ELOOP", true]);
    assert.deepEqual(seen[0], [
      "done",
      "done",
      "done",
      "done",
      "done",
      "done",
      "done",
      "done",
      "done",
      "done",
    ]);
    assert.deepEqual(seen[3], ["secret"]);
    assert.deepEqual(seen[4], ["made", "made-file", "made-link", "made-node", "secret"]);
    assert.deepEqual(seen.slice(5, 8), [2, false, "secret"]);
    assert.equal((seen[8] as { code: string }).code, "EXDEV");
  });

  it("resolves a bind's source below the root when it lies there", async () => {
    const seen = await isolated(`${TREE}
      fs.symlinkSync("/etc/shadow", root + "/data/link");
      fs.writeFileSync(root + "/etc/shadow", "container's own");
      const made = system.createMountNamespace(root, [
        step({ do: "mount", source: root + "/data/link", target: root + "/etc/name", flags: MS_BIND })]);
      result(fs.readFileSync("/proc/self/fd/" + made.root + "/etc/name", "utf8"));
    `);
    assert.equal(seen, "container's own");
  });

  it("takes what exists already, and skips an optional step without target", async () => {
    const seen = await isolated(`${TREE}
      const made = system.createMountNamespace(root, [
        { do: "make-directory", target: root + "/etc", mode: 0o700 },
        { do: "make-directory", target: root, mode: 0o700 },
        { do: "make-directory", target: root + "/data/", mode: 0o700 },
        { do: "make-file", target: root + "/etc/name", mode: 0o600 },
        { do: "symlink", source: "x", target: root + "/etc/name" },
        { do: "make-node", target: root + "/etc/name", mode: 0o20666, major: 1, minor: 3 },
        step({ do: "mount", source: "t", target: root + "/none", type: "tmpfs", optional: true }),
        step({ do: "mount", source: "t", target: root + "/etc/name/none", type: "tmpfs", optional: true }),
      ]);
      result([fs.readFileSync("/proc/self/fd/" + made.root + "/etc/name", "utf8"), (fs.statSync(root + "/etc").mode & 0o777)]);
    `);
    assert.deepEqual(seen, ["container\n", 0o755]);
  });

  it("names the step that failed, and nothing stays behind", async () => {
    const seen = await isolated(`${TREE}
      const good = step({ do: "mount", source: "t", target: root + "/data", type: "tmpfs" });
      const tries = [
        step({ do: "mount", source: "t", target: root + "/none", type: "tmpfs" }),
        step({ do: "mount", source: "t", target: root + "/dev", type: "no-such-type" }),
        step({ do: "mount", source: "t", target: root + "/dev", type: "tmpfs", data: "bogus=1" }),
        step({ do: "mount", source: "/none", target: root + "/dev", flags: MS_BIND }),
        step({ do: "mount", source: "/dev/null", target: root + "/dev", flags: MS_BIND }),
        { do: "make-directory", target: root + "/none/dir", mode: 0o755 },
        { do: "make-file", target: root + "/etc/name/file", mode: 0o755 },
      ];
      const seen = tries.map((one) => attempt(() => system.createMountNamespace(root, [good, one])));
      result([seen.map((error) => [error.code, error.syscall, error.path.slice(root.length)]),
        attempt(() => system.createMountNamespace("/none", [])), fs.readFileSync("/proc/self/mountinfo", "utf8").includes(root + "/data")]);
    `);
    assert.deepEqual(seen, [
      [
        ["ENOENT", "openat2", "/none"],
        ["ENODEV", "mount", "/dev"],
        ["EINVAL", "mount", "/dev"],
        ["ENOENT", "mount", "/dev"],
        ["ENOTDIR", "mount", "/dev"],
        ["ENOENT", "openat2", "/none/dir"],
        ["ENOTDIR", "openat2", "/etc/name/file"],
      ],
      { name: "SystemCallError", code: "ENOENT", errno: -2, syscall: "statx", path: "/none" },
      false,
    ]);
  });

  it("can mount over /proc and still go on", async () => {
    const seen = await isolated(`${TREE}
      const made = system.createMountNamespace(root, [
        step({ do: "mount", source: "/", target: root, flags: MS_BIND | MS_REC }),
        step({ do: "mount", source: "t", target: root + "/proc", type: "tmpfs" }),
        step({ do: "mount", source: "t", target: root + "/mnt", type: "tmpfs" }),
        { do: "make-file", target: root + "/mnt/here", mode: 0o644 },
        step({ do: "mount", source: "/etc/hostname", target: root + "/mnt/here", flags: MS_BIND }),
      ]);
      result([fs.readdirSync("/proc/self/fd/" + made.root + "/mnt"), fs.readdirSync("/proc/self/fd/" + made.root + "/proc")]);
    `);
    assert.deepEqual(seen, [["here"], []]);
  });
});

describe("openInRoot", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("opens below the root only", async () => {
    const seen = await isolated(`${TREE}
      fs.symlinkSync("/etc/name", root + "/absolute");
      fs.symlinkSync("../../../../etc/name", root + "/dots");
      fs.symlinkSync("/proc/self/root/etc/hostname", root + "/magic");
      fs.symlinkSync("loop", root + "/loop");
      system.mount("proc", root + "/proc", "proc", 0, null);
      const top = fs.openSync(root, fs.constants.O_DIRECTORY);
      const read = (name) => {
        const file = system.openInRoot(top, name, fs.constants.O_RDONLY, 0);
        const text = fs.readFileSync(file, "utf8");
        fs.closeSync(file);
        return text.trim();
      };
      const created = system.openInRoot(top, "/data/new", fs.constants.O_CREAT | fs.constants.O_EXCL | fs.constants.O_WRONLY, 0o640);
      fs.closeSync(created);
      result([read("/etc/name"), read("../../etc/name"), read("absolute"), read("dots"),
        attempt(() => read("magic")).code, attempt(() => read("loop")).code, attempt(() => read("/none")),
        fs.statSync(root + "/data/new").mode & 0o777, attempt(() => system.openInRoot(9999, "x", 0, 0)).code]);
    `);
    const missing = { name: "SystemCallError", code: "ENOENT", errno: -2, syscall: "openat2", path: "/none" };
    const own = "container";
    assert.deepEqual(seen, [own, own, own, own, "ELOOP", "ELOOP", missing, 0o640, "EBADF"]);
  });
});
