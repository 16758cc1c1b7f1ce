import assert from "node:assert/strict";
import fc from "fast-check";
import { runOnVmware } from "../../support/vmware/agent-code.ts";
import { VmwareHost } from "../../support/vmware/emulator.ts";
import { linux } from "./linux.ts";

describe("the VMware backdoor", function () {
  // A node of its own for each test.
  this.timeout(60_000);
  let host: VmwareHost;
  beforeEach(() => {
    host = new VmwareHost();
    host.set("guestinfo.a", "what the host says");
  });
  afterEach(() => host[Symbol.dispose]());

  const GET = `result(await attempt(() => rpci("info-get guestinfo.a")));`;
  const VALUE = "1 what the host says";

  it("is looked for without touching the port on another hypervisor", () => {
    // Here the instruction would fault, and end the process.
    assert.equal(linux.probeBackdoor(), "none");
  });

  it("is not there when CPUID names another hypervisor", async () => {
    assert.equal(await runOnVmware(host, "result(system.probeBackdoor());", ["vendor=KVMKVMKVM..."]), "none");
  });

  it("is found, open to everybody in the VM", async () => {
    assert.equal(await runOnVmware(host, "result(system.probeBackdoor());"), "everybody");
  });

  it("is found when the host answers only who has I/O privilege, and that is given back", async () => {
    const source = `
      const access = system.probeBackdoor();
      result([access, await rpci("info-get guestinfo.a"), await rpci("info-get guestinfo.a"), system.probeBackdoor()]);`;
    const seen = await runOnVmware(host, source, ["restricted"]);
    assert.deepEqual(seen, ["privileged", VALUE, VALUE, "privileged"]);
  });

  it("is refused on VMware when nobody answers at the port", async () => {
    const source = "result(await attempt(() => system.probeBackdoor()));";
    const seen = (await runOnVmware(host, source, ["silent"])) as { code: string };
    assert.equal(seen.code, "EOPNOTSUPP");
  });

  it("takes a request and gives the reply, in one transfer or 4 bytes at a time", async () => {
    assert.equal(await runOnVmware(host, GET), VALUE);
    assert.equal(await runOnVmware(host, GET, ["no-high-bandwidth"]), VALUE);
  });

  it("carries every byte, of every length around its words, both ways", async () => {
    const source = `
      const lengths = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1021, 1022, 1023, 1024];
      const wrong = [];
      for (const length of lengths) {
        const value = Buffer.from(Array.from({ length }, (_, index) => (index * 37 + length) % 255 + 1));
        await request(Buffer.concat([Buffer.from("info-set guestinfo.b "), value]));
        const back = await request(Buffer.from("info-get guestinfo.b"));
        if (!Buffer.concat([Buffer.from("1 "), value]).equals(back)) wrong.push(length);
      }
      result(wrong);`;
    assert.deepEqual(await runOnVmware(host, source), []);
    assert.deepEqual(await runOnVmware(host, source, ["no-high-bandwidth"]), []);
  });

  it("takes requests up to 64 KiB, and replies up to a mebibyte", async () => {
    host.set("guestinfo.large", "x".repeat(1024 * 1024 - 2));
    host.set("guestinfo.larger", "x".repeat(1024 * 1024 - 1));
    const source = `
      const largest = "info-set guestinfo.b ".padEnd(65536, "y");
      result([await rpci(largest), (await rpci("info-get guestinfo.b")).length,
        (await attempt(() => request(Buffer.alloc(65537)))).message,
        (await rpci("info-get guestinfo.large")).length,
        (await attempt(() => rpci("info-get guestinfo.larger"))).code, await rpci("info-get guestinfo.a")]);`;
    assert.deepEqual(await runOnVmware(host, source), [
      ...["1 ", 65536 - "info-set guestinfo.b ".length + 2],
      ...["request must be a Uint8Array of at most 64 KiB", 1024 * 1024, "EMSGSIZE", VALUE],
    ]);
  });

  // Of the first request: 1 opens, 2 sends the size, 3 the request, 4 asks for the reply, 5 takes it, 6 says so.
  for (const at of [3, 5, 6]) {
    it(`makes a transfer anew after a checkpoint at instruction ${at}`, async () => {
      assert.equal(await runOnVmware(host, GET, [`fault=checkpoint@${at}`]), VALUE);
    });
  }

  it("gives up a transfer that never ends in anything but checkpoints", async () => {
    const faults = Array.from({ length: 60 }, (_, index) => `fault=checkpoint@${index + 3}`);
    const seen = (await runOnVmware(host, GET, faults)) as { code: string };
    assert.equal(seen.code, "ECONNRESET");
  });

  const TWICE = `await rpci("info-get guestinfo.a"); ${GET}`;
  for (const at of [7, 8, 9, 10, 11]) {
    it(`opens another channel when the host has dropped its own before instruction ${at}`, async () => {
      assert.equal(await runOnVmware(host, TWICE, [`fault=lost@${at}`]), VALUE);
    });
  }

  it("keeps one channel for all requests, and leaves none behind", async () => {
    const source = `
      for (let count = 0; count < 100; count += 1) await rpci("info-get guestinfo.a");
      result(await Promise.all(Array.from({ length: 20 }, () => rpci("info-get guestinfo.a"))));`;
    // The emulator has 8 channels; each that is lost on the way has to be another one's place.
    const faults = [50, 150, 250, 350].map((at) => `fault=refuse@${at}`);
    assert.deepEqual(
      await runOnVmware(host, source, faults),
      Array.from({ length: 20 }, () => VALUE),
    );
  });

  const failures: [what: string, fault: string, code: string][] = [
    ["announces 4 GiB", "oversize@4", "EMSGSIZE"],
    ["announces something else than a reply", "wrong-type@4", "EPROTO"],
    ["has no reply", "no-reply@4", "EPROTO"],
    ["refuses the request", "refuse@2", "ECONNRESET"],
    ["refuses its reply", "refuse@5", "ECONNRESET"],
    ["does not take the cookie that it gave", "cookie@1", "ECONNRESET"],
  ];
  for (const [what, fault, code] of failures) {
    it(`names the failure, and goes on with the next request, when the host ${what}`, async () => {
      const source = `result([(await attempt(() => rpci("info-get guestinfo.a"))).code, await rpci("info-get guestinfo.a")]);`;
      assert.deepEqual(await runOnVmware(host, source, [`fault=${fault}`]), [code, VALUE]);
    });
  }

  it("outlives a host that answers anything, and believes no more than a mebibyte", async () => {
    const source = `
      const seen = new Set();
      for (let count = 0; count < 300; count += 1) {
        try {
          const reply = await request(Buffer.from("info-get guestinfo.a".slice(0, count % 20)));
          seen.add(reply.length <= 1 << 20 ? "reply" : "too long");
        } catch (error) { seen.add(error.code); }
      }
      result([...seen].sort());`;
    const possible = ["ECONNRESET", "EMSGSIZE", "EPROTO", "reply"];
    const met = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const seen = (await runOnVmware(host, source, [`hostile=${seed}`])) as string[];
        assert.deepEqual(
          seen.filter((end) => !possible.includes(end)),
          [],
        );
        for (const end of seen) met.add(end);
      }),
      { numRuns: 15 },
    );
    assert.deepEqual([...met].sort(), possible);
  });
});
