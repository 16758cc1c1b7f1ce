import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, fstatSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SystemCallError } from "../../../src/system/system-call-error.ts";
import { isolated, linux } from "./linux.ts";

describe("the system's single calls", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("mounts and unmounts, and names the target of what fails", async () => {
    const seen = await isolated(`
      fs.mkdirSync("/mnt/t1-" + process.pid, { recursive: true });
      const target = "/mnt/t1-" + process.pid;
      system.mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700");
      const line = fs.readFileSync("/proc/mounts", "utf8").split("\\n").find((l) => l.includes(target));
      system.unmount(target, 0);
      fs.rmdirSync(target);
      result([line, attempt(() => system.mount(null, "/none", "tmpfs", 0, null)),
        attempt(() => system.unmount("/none", 0))]);
    `);
    const [line, mount, unmount] = seen as [string, object, object];
    assert.match(line, / tmpfs rw,nosuid,nodev,.*size=64k,mode=700/);
    const common = { name: "SystemCallError", code: "ENOENT", errno: -2, path: "/none" };
    assert.deepEqual(mount, { ...common, syscall: "mount" });
    assert.deepEqual(unmount, { ...common, syscall: "umount2" });
  });

  it("refuses mount data that the kernel would cut", () => {
    const data = "x".repeat(4096);
    assert.throws(() => linux.mount("t", "/none", "tmpfs", 0, data), /data must be at most 4095 bytes/);
  });

  it("sets host and domain name, at most 64 bytes", async () => {
    const seen = await isolated(`
      system.setHostname("container-1"); system.setDomainname("example.test");
      result([fs.readFileSync("/proc/sys/kernel/hostname", "utf8"),
        fs.readFileSync("/proc/sys/kernel/domainname", "utf8"),
        attempt(() => system.setHostname("x".repeat(65))).code,
        attempt(() => system.setDomainname("x".repeat(65))).code]);
    `);
    assert.deepEqual(seen, ["container-1\n", "example.test\n", "EINVAL", "EINVAL"]);
  });

  it("sets an interface up", async () => {
    const seen = await isolated(`
      system.setInterfaceUp("lo");
      result([Number(fs.readFileSync("/proc/self/net/dev", "utf8").includes("lo:")),
        fs.readFileSync("/proc/net/fib_trie", "utf8").includes("127.0.0.1"),
        attempt(() => system.setInterfaceUp("none0")), attempt(() => system.setInterfaceUp("x".repeat(40))).code]);
    `);
    const error = { code: "ENODEV", errno: -19, syscall: "ioctl SIOCGIFFLAGS", path: "none0" };
    assert.deepEqual(seen, [1, true, { name: "SystemCallError", ...error }, "ENODEV"]);
  });

  it("reboots only its own PID namespace in the test", async () => {
    // In a PID namespace reboot(2) ends its init with SIGHUP (restart) or SIGINT (power off), reboot(2).
    for (const [action, signal] of [
      ["power-off", "SIGINT"],
      ["restart", "SIGHUP"],
    ] as const) {
      await assert.rejects(isolated(`system.reboot("${action}"); setTimeout(() => {}, 5000);`), { signal });
    }
  });

  it("refuses an unknown power action", () => {
    // @ts-expect-error: no action of this name
    assert.throws(() => linux.reboot("explode"), /action must be power-off, restart or halt/);
    linux.sync();
  });

  it("reports a module file that is missing or no module", () => {
    const file = join(tmpdir(), `no-module-${process.pid}.ko`);
    writeFileSync(file, "this is no module");
    assert.throws(() => linux.loadModule("/none.ko", ""), {
      name: "SystemCallError",
      code: "ENOENT",
      syscall: "open",
    });
    assert.throws(
      () => linux.loadModule(file, ""),
      (error: SystemCallError) => {
        assert.equal(error.syscall, "finit_module");
        assert.equal(error.path, file);
        return true;
      },
    );
    rmSync(file);
  });

  it("makes a pipe whose ends close over exec", () => {
    const [reader, writer] = linux.pipe();
    writeSync(writer, "through");
    closeSync(writer);
    assert.equal(readFileSync(reader, "utf8"), "through");
    const flags = readFileSync(`/proc/self/fdinfo/${reader}`, "utf8");
    assert.match(flags, /flags:\s+02000000/);
    closeSync(reader);
  });

  it("makes a sealed memory file with its content, at its start", () => {
    const content = Buffer.alloc(300_000, "content ");
    const file = linux.memoryFile("notes", content);
    assert.ok(readFileSync(file).equals(content));
    assert.throws(() => writeSync(file, "x", 0), { code: "EPERM" });
    closeSync(file);
    const empty = linux.memoryFile("empty", new Uint8Array(0));
    assert.equal(fstatSync(empty).size, 0);
    closeSync(empty);
  });

  it("changes a descriptor's owner", () => {
    const [reader, writer] = linux.pipe();
    linux.changeOwner(writer, 1234, 4_000_000_000);
    assert.deepEqual([fstatSync(writer).uid, fstatSync(writer).gid], [1234, 4_000_000_000]);
    closeSync(reader);
    closeSync(writer);
    assert.throws(() => linux.changeOwner(writer, 0, 0), { code: "EBADF", syscall: "fchown" });
  });

  it("signals processes and groups", async () => {
    const ended = new Promise((done) => {
      const child = execFile("sleep", ["30"], (error) => done(error?.signal));
      linux.kill(child.pid ?? 0, 15);
    });
    assert.equal(await ended, "SIGTERM");
    assert.throws(() => linux.kill(2 ** 31 - 1, 15), { code: "ESRCH", syscall: "kill" });
    assert.throws(() => linux.kill(1, 0), /signal must be a whole number from 1 to 64/);
    assert.throws(() => linux.kill(1, 65), TypeError);
  });

  it("refuses a window size for what is no terminal", () => {
    const file = openSync("/dev/null", "r");
    assert.throws(() => linux.setWindowSize(file, { columns: 80, rows: 24 }), { code: "ENOTTY" });
    assert.throws(() => linux.setWindowSize(file, { columns: 65_536, rows: 1 }), /columns must be/);
    assert.throws(() => linux.setRawMode(file), { code: "ENOTTY", syscall: "tcgetattr" });
    closeSync(file);
  });

  it("replaces the process in place", async () => {
    const seen = await isolated(`
      const error = attempt(() => system.replaceProcess("/none", ["x"], []));
      assert.deepEqual(error, { name: "SystemCallError", code: "ENOENT", errno: -2, syscall: "execve", path: "/none" });
      system.replaceProcess("/bin/sh", ["sh", "-c", 'echo "RESULT [$$, \\\\"$V\\\\"]"'], ["V=new"]);
    `);
    assert.deepEqual(seen, [1, "new"]);
  });

  it("names the argument that has the wrong type", () => {
    // Each of these is a mistake that the compiler would refuse; the addon must not crash on it.
    const untyped = linux as unknown as Record<string, (...args: unknown[]) => unknown>;
    const mistakes: [string, unknown[], string][] = [
      ["mount", [1, "/x", null, 0, null], "source"],
      ["mount", [null, undefined, null, 0, null], "target"],
      ["mount", [null, "/x", null, 1.5, null], "flags"],
      ["mount", [null, "/x\0y", null, 0, null], "target"],
      ["unmount", ["/x", -1], "flags"],
      ["loadModule", ["/x"], "parameters"],
      ["setHostname", [{}], "name"],
      ["kill", ["1", 1], "pid"],
      ["memoryFile", ["x", "text"], "content"],
      ["memoryFile", ["x", new Uint16Array(2)], "content"],
      ["changeOwner", [-1, 0, 0], "descriptor"],
      ["openInRoot", [0, 1, 0, 0], "path"],
      ["openInRoot", [0, "x", 0, 0o10000], "mode"],
      ["spawn", [{}], "path"],
      ["spawn", [undefined], "path"],
      ["spawn", [{ path: "/x", args: "x", env: [], descriptors: [] }], "args"],
      ["spawn", [{ path: "/x", args: [], env: [1], descriptors: [] }], "env"],
      ["spawn", [{ path: "/x", args: [], env: [], descriptors: ["1"] }], "descriptors"],
      ["createMountNamespace", ["/x", {}], "steps"],
      ["createMountNamespace", ["/x", [{ do: "dance" }]], "do"],
      ["createMountNamespace", ["/x", [{ do: "mount", target: "/x", source: null, type: null }]], "flags"],
      ["bridgeDevice", [1, () => {}, false], "path"],
      ["bridgeDevice", ["/x", {}], "isInterrupted"],
    ];
    for (const [call, args, argument] of mistakes) {
      assert.throws(
        () => untyped[call]?.(...args),
        (error: Error) => {
          assert.ok(error instanceof TypeError, `${call}: ${error.message}`);
          assert.ok(error.message.startsWith(`${argument} must be`), `${call}: ${error.message}`);
          return true;
        },
      );
    }
  });

  it("takes a path of any length and leaves the limit to the kernel", () => {
    assert.throws(() => linux.unmount(`/${"x".repeat(100_000)}`, 0), { code: "ENAMETOOLONG" });
  });
});
