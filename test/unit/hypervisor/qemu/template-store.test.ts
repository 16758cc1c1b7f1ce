import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { identifyProcess, isRunning, type ProcessIdentity } from "../../../../src/hypervisor/index.ts";
import { FakeQemuHost } from "../../../support/fake-qemu.ts";
import { MEMORY_TEXT, STATE_TEXT } from "../../../support/fake-qemu-program.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const MEBIBYTE = 1024 * 1024;

/** No machine counts this far (PID_MAX_LIMIT is 2 ** 22), so that it has ended for certain. */
const ENDED: ProcessIdentity = { pid: 2 ** 22 + 1, startTime: "1" };

describe("the templates of a state folder", function () {
  // Processes of their own, on machines that are busy with virtual machines.
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  let host: FakeQemuHost;
  beforeEach(() => {
    host = new FakeQemuHost(folder.path);
  });
  afterEach(() => host.close());

  /** The key of the machines that are started, when they have no template yet. */
  const learnKey = async (): Promise<string> => {
    await host.start();
    const [key = ""] = host.templates;
    rmSync(host.path("templates", key), { recursive: true });
    rmSync(host.path("starts"));
    host.reports.length = 0;
    return key;
  };
  const putTemplate = (key: string, content: Readonly<Record<string, string>> = {}): void => {
    mkdirSync(host.path("templates", key));
    for (const [name, text] of Object.entries(content))
      writeFileSync(host.path("templates", key, name), text);
  };
  const unfinished = (key: string, { pid, startTime }: ProcessIdentity): string =>
    `${key}.${pid}.${startTime}`;
  const self = (): ProcessIdentity => {
    const own = identifyProcess(process.pid);
    assert.ok(own !== undefined);
    return own;
  };

  describe("one template", () => {
    it("is made by the first machine of its shape, and every one goes on from it", async () => {
      await host.start();
      await host.start();
      await host.start();
      assert.deepEqual(host.kinds, ["template", "fork", "fork", "fork"]);
      for (const { state, memory } of host.starts.slice(1)) {
        assert.deepEqual([state, memory], [STATE_TEXT, MEMORY_TEXT]);
      }
      assert.deepEqual(host.reports, ["making a template for machines of this shape"]);
      assert.deepEqual(host.strays, []);
    });

    it("is memory and state, for nobody but its owner to read", async () => {
      await host.start();
      const [key = "", ...others] = host.templates;
      assert.deepEqual(others, []);
      const mode = (...path: string[]): number => statSync(host.path("templates", key, ...path)).mode & 0o777;
      assert.deepEqual(readdirSync(host.path("templates", key)), ["memory", "state"]);
      assert.equal(mode(), 0o700);
      assert.equal(mode("state"), 0o400);
      // QEMU opens it for writing, though it maps it privately: a user's could not be opened when it were 0400.
      assert.equal(mode("memory"), 0o600);
    });

    it("that is removed while a machine starts from it does not disturb that", async () => {
      await host.start();
      const before = new Set(readdirSync(host.folder));
      const starting = host.start();
      const isStarting = (): boolean =>
        readdirSync(host.folder).some(
          (name) => !before.has(name) && existsSync(host.path(name, "start.sock")),
        );
      while (!isStarting()) await new Promise(setImmediate);
      rmSync(host.path("templates", host.templates[0] ?? ""), { recursive: true });
      await starting;
      assert.deepEqual(host.starts.at(-1)?.memory, MEMORY_TEXT);
      assert.deepEqual(host.kinds, ["template", "fork", "fork"]);
      assert.deepEqual(host.templates, []);
    });

    it("whose removal was cut short is made anew", async () => {
      const key = await learnKey();
      putTemplate(key, { state: "what is left" });
      await host.start();
      assert.deepEqual(host.kinds, ["template", "fork"]);
      assert.equal(host.starts[1]?.state, STATE_TEXT);
    });
  });

  describe("machines", () => {
    it("that differ in what is the container's own have the same", async () => {
      await host.start();
      await host.start({ changes: { name: "other", disk: "/other/disk", log: "/other/log" } });
      assert.deepEqual(host.kinds, ["template", "fork", "fork"]);
    });

    it("of another shape have another", async () => {
      await host.start();
      await host.start({ changes: { memoryBytes: 256 * MEBIBYTE } });
      await host.start({ changes: { cpus: 1 } });
      await host.start({ changes: { kernelCommandLine: "quiet" } });
      await host.start({
        changes: { templates: { ...host.request(), configuration: Buffer.from("other") } },
      });
      assert.equal(host.templates.length, 5);
      assert.equal(host.kinds.filter((kind) => kind === "template").length, 5);
    });

    for (const file of ["boot/kernel", "boot/initramfs", "boot/agent", "fake-qemu"]) {
      it(`have another once ${file} was replaced, though its name and size are the same`, async () => {
        await host.start();
        const { atime, mtime, mode } = statSync(host.path(file));
        writeFileSync(host.path("new"), readFileSync(host.path(file)), { mode });
        utimesSync(host.path("new"), atime, mtime);
        renameSync(host.path("new"), host.path(file));
        await host.start();
        assert.deepEqual(host.kinds, ["template", "fork", "template", "fork"]);
      });
    }
  });

  describe("at most eight are kept:", () => {
    const putOld = (count: number): string[] => {
      const keys = Array.from({ length: count }, (_, index) => `${index}`.padStart(32, "0"));
      for (const [index, key] of keys.entries()) {
        putTemplate(key, { state: "", memory: "" });
        utimesSync(host.path("templates", key), 1000 + index, 1000 + index);
      }
      return keys;
    };

    it("the one that was used longest ago goes", async () => {
      const [oldest, ...others] = putOld(8);
      await host.start();
      assert.equal(host.templates.length, 8);
      assert.ok(oldest !== undefined && !host.templates.includes(oldest));
      for (const key of others) assert.ok(host.templates.includes(key), key);
      assert.deepEqual(host.kinds, ["template", "fork"]);
    });

    it("a machine that starts from one uses it", async () => {
      await host.start();
      const [used = ""] = host.templates;
      utimesSync(host.path("templates", used), 1, 1);
      const [oldest = ""] = putOld(7);
      await host.start();
      await host.start({ changes: { cpus: 7 } });
      assert.equal(host.templates.length, 8);
      assert.deepEqual([host.templates.includes(used), host.templates.includes(oldest)], [true, false]);
    });

    it("one that is being made is none of them", async () => {
      const keys = putOld(7);
      putTemplate(unfinished("a", self()));
      await host.start();
      for (const key of [...keys, unfinished("a", self())]) assert.ok(host.templates.includes(key), key);
    });
  });

  describe("while somebody else makes it", () => {
    it("a machine boots, and leaves him alone", async () => {
      const other = unfinished(await learnKey(), self());
      putTemplate(other, { memory: "half" });
      await host.start();
      assert.deepEqual(host.kinds, ["cold"]);
      assert.deepEqual(host.templates, [other]);
      assert.deepEqual(host.reports, ["booting: the template for machines of this shape is being made"]);
    });

    it("a machine of another shape has its own made", async () => {
      putTemplate(unfinished(await learnKey(), self()));
      await host.start({ changes: { cpus: 1 } });
      assert.deepEqual(host.kinds, ["template", "fork"]);
    });

    it("and of two machines that start at once, one makes it", async () => {
      await Promise.all([host.start(), host.start()]);
      assert.deepEqual(host.kinds.toSorted(), ["cold", "fork", "template"]);
      assert.equal(host.templates.length, 1);
    });

    it("unnoticed, the first to be ready has made it, and what the second made is thrown away", async () => {
      const key = await learnKey();
      const request = {
        ...host.request(),
        report: () => putTemplate(key, { state: "the first's", memory: "the first's" }),
      };
      await host.start({ changes: { templates: request } });
      assert.deepEqual(host.kinds, ["template", "fork"]);
      assert.equal(host.starts[1]?.state, "the first's");
      assert.deepEqual(host.templates, [key]);
    });
  });

  describe("what a killed vch has left", () => {
    const children: ChildProcess[] = [];
    afterEach(() => {
      for (const child of children.splice(0)) child.kill("SIGKILL");
    });
    const runMachine = async (): Promise<ChildProcess & { readonly identity: ProcessIdentity }> => {
      const child = spawn("sleep", ["60"]);
      children.push(child);
      await once(child, "spawn");
      const identity = identifyProcess(child.pid ?? 0);
      assert.ok(identity !== undefined);
      return Object.assign(child, { identity });
    };

    it("is cleared away with its machine, whatever template is wanted", async () => {
      for (const changes of [{}, {}, { cpus: 1 }]) {
        const machine = await runMachine();
        const exited = once(machine, "exit");
        putTemplate(unfinished("abc", ENDED), {
          "machine.json": JSON.stringify(machine.identity),
          memory: "",
        });
        await host.start({ changes });
        assert.deepEqual(await exited, [null, "SIGKILL"]);
        assert.ok(!host.templates.includes(unfinished("abc", ENDED)));
      }
      assert.deepEqual(host.kinds, ["template", "fork", "fork", "template", "fork"]);
    });

    it("is cleared away without a machine, too", async () => {
      putTemplate(unfinished("a", ENDED));
      putTemplate(unfinished("b", ENDED), { "machine.json": '{"pid":' });
      putTemplate(unfinished("c", ENDED), { "machine.json": JSON.stringify({ pid: -1, startTime: "1" }) });
      putTemplate(unfinished("d", ENDED), { "machine.json": JSON.stringify(ENDED) });
      await host.start();
      assert.equal(host.templates.length, 1);
    });

    it("is not taken for a later process with the same number", async () => {
      const { identity } = await runMachine();
      const earlier = { ...identity, startTime: `${Number(identity.startTime) - 1}` };
      putTemplate(unfinished("abc", earlier), { "machine.json": JSON.stringify(earlier) });
      await host.start();
      assert.equal(host.templates.length, 1);
      assert.ok(isRunning(identity));
    });
  });
});
