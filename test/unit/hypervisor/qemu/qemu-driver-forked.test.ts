import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { QemuDriver } from "../../../../src/hypervisor/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { FakeQemuHost } from "../../../support/fake-qemu.ts";
import type { ForkFate, TemplateFate } from "../../../support/fake-qemu-program.ts";
import { machineSpecification } from "../../../support/machine-specification.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** Processes of their own, on machines that are busy with virtual machines. */
const LIMIT_MS = 20_000;

/** Long enough to be seen, short enough to wait for. */
const SHORT_MS = 300;

describe("a forked start", function () {
  this.timeout(LIMIT_MS);
  const folder = useTemporaryFolder();
  let host: FakeQemuHost;
  beforeEach(() => {
    host = new FakeQemuHost(folder.path);
  });
  afterEach(() => host.close());

  /** Waits until a QEMU of this kind has been started. */
  const untilStarted = async (kind: string): Promise<void> => {
    while (!host.kinds.includes(kind)) await new Promise(setImmediate);
  };

  it("gives a machine like any other", async () => {
    await host.start();
    const machine = await host.start();
    assert.equal(machine.pid, host.starts.at(-1)?.pid);
    await machine.destroy();
    assert.deepEqual(await machine.ended, { reason: "lost" });
    assert.deepEqual(host.strays, []);
  });

  it("is none when the machine is asked to boot", async () => {
    await host.start({ changes: { templates: undefined } });
    assert.deepEqual([host.kinds, host.templates, host.reports], [["cold"], [], []]);
  });

  it("is none from another boot medium, or with other hardware", async () => {
    await host.start({ changes: { boot: { from: "iso", iso: "/boot/tether.iso", firmware: "bios" } } });
    await host.start({ changes: { hardware: "vmware" } });
    assert.deepEqual([host.kinds, host.templates, host.reports], [["cold", "cold"], [], []]);
  });

  it("is none where no template can be kept, and the reason is told", async () => {
    rmSync(host.path("templates"), { recursive: true });
    await host.start();
    assert.deepEqual(host.kinds, ["cold"]);
    assert.match(host.reports.join("\n"), /^no forked start: ENOENT: .*templates'$/);
  });

  it("names the package when there is no QEMU", async () => {
    const driver = new QemuDriver("no-such-qemu");
    const specification = machineSpecification(folder.path, { templates: host.request() });
    await assert.rejects(
      driver.start(specification, { signal: new AbortController().signal }),
      catalogueError("tool-missing", /^no-such-qemu is not installed: /),
    );
  });

  describe("whose template cannot be made boots instead, tells why, and leaves nothing:", () => {
    const fates: ReadonlyArray<readonly [TemplateFate, RegExp]> = [
      ["ends before the guest is ready", /QEMU could not start the container VM: the guest has powered off$/],
      ["is killed while its state is written", /: ended by SIGKILL$/],
      ["cannot write its state", /: QEMU: the machine's state is of no use$/],
      ["has a disk that is full", /: ENOSPC: no space left on device, write$/],
      ["refuses to be saved", /: QEMU: there is no such thing as a state$/],
    ];
    for (const [fate, reason] of fates) {
      it(`a template that ${fate}`, async () => {
        host.behave({ template: fate });
        await host.start();
        assert.deepEqual(host.kinds, ["template", "cold"]);
        assert.deepEqual([host.templates, host.strays], [[], []]);
        const [, report = ""] = host.reports;
        assert.match(report, /^no forked start: /);
        assert.match(report, reason);
      });
    }

    it("a template that is never ready", async () => {
      host = new FakeQemuHost(host.path("impatient"), { readyMs: SHORT_MS, restoreMs: LIMIT_MS });
      host.behave({ template: "is never ready" });
      await host.start();
      assert.equal(host.kinds.at(-1), "cold");
      assert.deepEqual([host.templates, host.strays], [[], []]);
      assert.equal(host.reports[1], "no forked start: the guest was not ready within 0.3 s");
    });

    it("and the next machine tries again", async () => {
      host.behave({ template: "cannot write its state" });
      await host.start();
      host.behave({});
      await host.start();
      assert.deepEqual(host.kinds, ["template", "cold", "template", "fork"]);
    });
  });

  describe("whose template does not go on boots instead, tells why, and throws the template away:", () => {
    const fates: ReadonlyArray<readonly [ForkFate, RegExp]> = [
      ["refuses the state", /: QEMU: there is no such state$/],
      ["fails on the state", /: QEMU: the machine's state is of no use$/],
      ["ends over the state", /: QEMU could not start the container VM: load of migration failed$/],
      ["does not go on", /: QEMU: the disk is locked$/],
    ];
    for (const [fate, reason] of fates) {
      it(`a fork that ${fate}`, async () => {
        await host.start();
        host.behave({ fork: fate });
        await host.start();
        assert.deepEqual(host.kinds, ["template", "fork", "fork", "cold"]);
        assert.deepEqual([host.templates, host.strays], [[], []]);
        const [, report = ""] = host.reports;
        assert.match(report, /^no forked start: /);
        assert.match(report, reason);
        host.behave({});
        await host.start();
        assert.deepEqual(host.kinds.slice(4), ["template", "fork"]);
      });
    }

    it("a fork that never comes back", async () => {
      host = new FakeQemuHost(host.path("impatient"), { readyMs: LIMIT_MS, restoreMs: SHORT_MS });
      host.behave({ fork: "never comes back" });
      await host.start();
      assert.equal(host.kinds.at(-1), "cold");
      assert.deepEqual([host.templates, host.strays], [[], []]);
      assert.equal(host.reports[1], "no forked start: the template did not go on within 0.3 s");
    });
  });

  describe("that is told to stop", () => {
    const reason = new Error("told to stop");

    it("while the template is made leaves nothing", async () => {
      host.behave({ template: "is never ready" });
      const abort = new AbortController();
      const starting = host.start({ signal: abort.signal });
      await untilStarted("template");
      abort.abort(reason);
      await assert.rejects(starting, reason);
      assert.deepEqual([host.templates, host.strays, host.kinds], [[], [], ["template"]]);
    });

    it("at any moment of the making leaves nothing but a template that works", async function () {
      this.timeout(3 * LIMIT_MS);
      for (let delay = 0; delay < 200; delay += 10) {
        const abort = AbortSignal.timeout(delay);
        await host.start({ signal: abort }).catch((error: unknown) => assert.equal(error, abort.reason));
        await host.close();
        assert.deepEqual(host.strays, []);
        assert.ok(!host.templates.some((name) => name.includes(".")));
      }
      await host.start();
      assert.equal(host.kinds.at(-1), "fork");
    });

    it("while it goes on leaves the template to others", async () => {
      await host.start();
      host.behave({ fork: "never comes back" });
      rmSync(host.path("starts"));
      const abort = new AbortController();
      const starting = host.start({ signal: abort.signal });
      await untilStarted("fork");
      abort.abort(reason);
      await assert.rejects(starting, reason);
      assert.deepEqual([host.templates.length, host.strays], [1, []]);
      host.behave({});
      await host.start();
      assert.deepEqual(host.kinds, ["fork", "fork"]);
    });
  });
});
