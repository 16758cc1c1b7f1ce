import assert from "node:assert/strict";
import { isolated } from "./linux.ts";

// Every case waits with takeChild, which would take the statuses of this process's own children.
describe("spawn, peekChild and reapChild", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);

  it("gives the program exactly the arguments, environment and descriptors asked for", async () => {
    const seen = (await isolated(`
      const [reader, writer] = system.pipe();
      const [other] = system.pipe();
      fs.openSync("/dev/null", "r");
      const script = 'for a in "$@"; do printf "%s|" "$a"; done; printf "%s" "$V"; ls /proc/self/fd >&2';
      const [names, namesWriter] = system.pipe();
      system.spawn({ path: "/bin/sh", args: ["sh", "-c", script, "zero", "grün", Buffer.from([0xff, 0xfe]), ""],
        env: [Buffer.concat([Buffer.from("V="), Buffer.from([0x80, 0x0a])]), "PATH=/bin:/usr/bin"],
        descriptors: [undefined, writer, namesWriter, undefined, other] });
      fs.closeSync(writer); fs.closeSync(namesWriter);
      result([fs.readFileSync(reader).toString("hex"), fs.readFileSync(names, "utf8")]);
    `)) as [string, string];
    assert.equal(seen[0], `${Buffer.from("grün|").toString("hex")}fffe7c7c800a`);
    // ls itself takes the lowest free descriptor for the folder, which is 0.
    assert.deepEqual(seen[1].split("\n").filter(Boolean), ["0", "1", "2", "4"]);
  });

  it("keeps descriptors apart when sources and targets overlap", async () => {
    const seen = await isolated(`
      const files = ["a", "b", "c"].map((text) => system.memoryFile(text, Buffer.from(text)));
      const [reader, writer] = system.pipe();
      // The child's 3, 4 and 5 are numbers that the sources themselves may have here.
      const low = [3, 4, 5].map((n) => n);
      system.spawn({ path: "/bin/sh", args: ["sh", "-c", "cat <&5 <&6; cat <&6; cat <&7; cat <&8"], env: ["PATH=/bin"],
        descriptors: [0, writer, 2, undefined, undefined, files[2], files[1], files[0], files[1]] });
      fs.closeSync(writer);
      result(fs.readFileSync(reader, "utf8"));
    `);
    assert.equal(seen, "ba");
  });

  it("resets every signal", async () => {
    const seen = await isolated(`
      const [reader, writer] = system.pipe();
      system.spawn({ path: "/bin/cat", args: ["cat", "/proc/self/status"], env: [], descriptors: [0, writer, 2] });
      fs.closeSync(writer);
      result(Object.fromEntries(fs.readFileSync(reader, "utf8").split("\\n").filter((l) => /^Sig(Blk|Ign|Cgt)/.test(l))
        .map((l) => l.split(":\\t"))));
    `);
    const none = "0".repeat(16);
    assert.deepEqual(seen, { SigBlk: none, SigIgn: none, SigCgt: none });
  });

  it("runs a program from a memory file", async () => {
    const seen = await isolated(`
      const file = system.memoryFile("program", fs.readFileSync("/bin/echo"));
      const [reader, writer] = system.pipe();
      system.spawn({ path: "/proc/self/fd/" + file, args: ["echo", "from memory"], env: [], descriptors: [0, writer, 2] });
      fs.closeSync(writer);
      result(fs.readFileSync(reader, "utf8"));
    `);
    assert.equal(seen, "from memory\n");
  });

  it("fails without a child when the program does not exist", async () => {
    const seen = await isolated(`
      const request = { path: "/none", args: ["x"], env: [], descriptors: [] };
      result([attempt(() => system.spawn(request)), attempt(() => system.spawn({ ...request, path: "/mnt" })).code,
        attempt(() => system.spawn({ ...request, path: "/bin/true", descriptors: [9999] })), takeChild() ?? null]);
    `);
    assert.deepEqual(seen, [
      { name: "SystemCallError", code: "ENOENT", errno: -2, syscall: "posix_spawn", path: "/none" },
      "EACCES",
      {
        name: "SystemCallError",
        code: "EBADF",
        errno: -9,
        syscall: "fcntl F_DUPFD_CLOEXEC",
        path: "/bin/true",
      },
      null,
    ]);
  });

  it("leaks no descriptor, whether it works or fails", async () => {
    const seen = await isolated(`
      const open = () => fs.readdirSync("/proc/self/fd").length;
      const request = { path: "/bin/true", args: ["x"], env: [], descriptors: [0, 1, 2] };
      const before = open();
      for (let i = 0; i < 20; i++) {
        system.spawn(request);
        attempt(() => system.spawn({ ...request, path: "/none" }));
        attempt(() => system.spawn({ ...request, descriptors: [0, 1, 2, 9999, 0] }));
        attempt(() => system.createMountNamespace("/none", []));
        attempt(() => system.loadModule("/bin/true", ""));
      }
      result(open() - before);
    `);
    assert.equal(seen, 0);
  });

  it("tells an exit code from a signal and from a core dump", async () => {
    const seen = await isolated(`
      const run = (script) => {
        const pid = system.spawn({ path: "/bin/sh", args: ["sh", "-c", script], env: ["PATH=/bin"], descriptors: [0, 1, 2] });
        for (;;) {
          const status = takeChild();
          if (status === undefined) continue;
          assert.equal(status.pid, pid);
          const { pid: _, ...rest } = status;
          return rest;
        }
      };
      result([run("exit 0"), run("exit 255"), run("kill -9 $$"), run("kill -34 $$"), run("cd /proc; ulimit -c 0; kill -6 $$")]);
    `);
    assert.deepEqual(seen, [
      { code: 0, coreDumped: false },
      { code: 255, coreDumped: false },
      { signal: 9, coreDumped: false },
      { signal: 34, coreDumped: false },
      { signal: 6, coreDumped: false },
    ]);
  });

  it("gives each of 1,000 children's statuses once", async () => {
    const seen = await isolated(`
      const started = new Map();
      for (let i = 0; i < 1000; i++) {
        const pid = system.spawn({ path: "/bin/sh", args: ["sh", "-c", "exit " + (i % 256)], env: [], descriptors: [0, 1, 2] });
        started.set(pid, i % 256);
      }
      let wrong = 0;
      const until = Date.now() + 20_000;
      while (started.size > 0 && Date.now() < until) {
        const status = takeChild();
        if (status === undefined) continue;
        if (started.get(status.pid) !== status.code) wrong++;
        started.delete(status.pid);
      }
      result([started.size, wrong, takeChild() ?? null]);
    `);
    assert.deepEqual(seen, [0, 0, null]);
  });

  it("has nobody to report when there is no child", async () => {
    assert.equal(await isolated("result(takeChild() ?? null);"), null);
  });
});
