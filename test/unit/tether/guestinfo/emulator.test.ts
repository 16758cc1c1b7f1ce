import assert from "node:assert/strict";
import { join } from "node:path";
import { constants } from "node:os";
import fc from "fast-check";
import { LIBVMTOOLS, type Peers, makePeers, RPCTOOL } from "../../../support/vmware/peers.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";
import { compileC, VmwareHost } from "../../../support/vmware/emulator.ts";

describe("the emulator of VMware's backdoor", function () {
  this.timeout(60_000);
  let host: VmwareHost;
  beforeEach(() => {
    host = new VmwareHost();
  });
  afterEach(() => host[Symbol.dispose]());

  const rpctool = async (request: string, options: readonly string[] = []) => {
    const { status, output, errors } = await host.run([RPCTOOL, request], [RPCTOOL], options);
    return { status, text: (output + errors).trim() };
  };

  it("serves Debian's vmware-rpctool", async () => {
    host.set("guestinfo.a/b", "what the host says");
    assert.deepEqual(await rpctool("info-get guestinfo.a/b"), { status: 0, text: "what the host says" });
    assert.deepEqual(await rpctool("info-get guestinfo.none"), { status: 1, text: "No value found" });
    assert.deepEqual(await rpctool("info-set guestinfo.c a value"), { status: 0, text: "" });
    assert.equal(host.get("guestinfo.c"), "a value");
    assert.deepEqual(await rpctool("info-get guestinfo.c"), { status: 0, text: "a value" });
    assert.deepEqual(host.requests.slice(0, 2), ["info-get guestinfo.a/b", "info-get guestinfo.none"]);
  });

  it("lets no guest write a key with a slash, nor an empty value", async () => {
    host.set("guestinfo.a/b", "kept");
    assert.equal((await rpctool("info-set guestinfo.a/b x")).status, 1);
    assert.equal((await rpctool("info-set elsewhere x")).status, 1);
    assert.equal((await rpctool("info-set guestinfo.c")).status, 1);
    assert.equal(host.get("guestinfo.a/b"), "kept");
  });

  it("serves it 4 bytes at a time, and long values too", async () => {
    const value = "0123456789".repeat(6001);
    host.set("guestinfo.long", value);
    assert.deepEqual(await rpctool("info-get guestinfo.long", ["no-high-bandwidth"]), {
      status: 0,
      text: value,
    });
    assert.deepEqual(await rpctool("info-get guestinfo.long"), { status: 0, text: value });
  });

  it("answers as a host whose VM was moved: vmware-rpctool goes on", async () => {
    host.set("guestinfo.a", "still there");
    for (const at of [3, 5]) {
      const moved = await rpctool("info-get guestinfo.a", [`fault=checkpoint@${at}`]);
      assert.deepEqual(moved, { status: 0, text: "still there" });
    }
  });

  it("is no VMware for a program whose CPUID is the machine's own", async () => {
    const { status, errors } = await host.run([RPCTOOL, "info-get guestinfo.a"], []);
    assert.equal(status, 255);
    assert.match(errors, /must be run inside a virtual machine/);
  });

  describe("with clients that have to be compiled", () => {
    let peers: Peers;
    before(() => {
      peers = makePeers();
    });

    it("serves VMware's Go client", async () => {
      const { goClient } = peers;
      host.set("guestinfo.a/b", "what the host says");
      const get = (...key: string[]) => host.run([goClient, "get", ...key], [goClient]);
      assert.equal((await get("guestinfo.a/b")).output, "what the host says\n");
      assert.equal((await get("guestinfo.none")).output, "(none)\n");
      const set = await host.run([goClient, "set", "guestinfo.c", "from Go"], [goClient]);
      assert.equal(set.status, 0);
      assert.equal(host.get("guestinfo.c"), "from Go");
    });

    it("serves libvmtools on one channel, request after request", async () => {
      const { cClient } = peers;
      host.set("guestinfo.a", "what the host says");
      for (const options of [[], ["no-high-bandwidth"]]) {
        const ended = await host.run([cClient, "guestinfo.a", "50"], [LIBVMTOOLS], options);
        assert.equal(ended.status, 0);
      }
      assert.equal(host.requests.length, 100);
      // It ends at the first that fails.
      assert.equal((await host.run([cClient, "guestinfo.none", "50"], [LIBVMTOOLS])).status, 4);
    });
  });

  describe("with hostile programs", () => {
    const folder = useTemporaryFolder();
    let program: string;
    beforeEach(() => {
      program = join(folder.path, "hostile");
      compileC(program, [join(import.meta.dirname, "../../../support/vmware/peers/hostile.c")]);
    });

    it("outlives whatever they put into registers and memory", async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, hasHighBandwidth) => {
          const options = hasHighBandwidth ? [] : ["no-high-bandwidth"];
          const { status, output } = await host.run([program, String(seed), "2000"], [], options);
          assert.deepEqual({ status, output }, { status: 0, output: "done\n" });
        }),
        { numRuns: 20 },
      );
    });

    it("gives them the signals that are theirs", async () => {
      const crashed = await host.run(["/bin/sh", "-c", "kill -SEGV $$"], []);
      assert.equal(crashed.status, 128 + constants.signals.SIGSEGV);
      assert.equal((await host.run(["/bin/sh", "-c", "exit 7"], [])).status, 7);
    });
  });
});
