import assert from "node:assert/strict";
import fc from "fast-check";
import { TetherError } from "../../../../src/protocol/errors/index.ts";
import { SystemCallError } from "../../../../src/system/system-call-error.ts";
import { GuestInfo } from "../../../../src/tether/guestinfo/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { runOnVmware } from "../../../support/vmware/agent-code.ts";
import { VmwareHost } from "../../../support/vmware/emulator.ts";
import { FakeGuestinfo } from "../../../support/vmware/fake-guestinfo.ts";

describe("guestinfo", () => {
  let host: FakeGuestinfo;
  let guestinfo: GuestInfo;
  beforeEach(() => {
    host = new FakeGuestinfo();
    guestinfo = new GuestInfo(host.rpci);
  });

  it("gives values, sets them and tells what has none", async () => {
    assert.equal(await guestinfo.get("guestinfo.a"), undefined);
    await guestinfo.set("guestinfo.a", "value with spaces, =, ü and \n lines");
    assert.equal(await guestinfo.get("guestinfo.a"), "value with spaces, =, ü and \n lines");
    await guestinfo.log("a line");
    assert.equal(host.requests.at(-1), "log a line");
  });

  it("asks for nothing that is no key, and sets nothing that VMware does not take", async () => {
    const keys = [
      "",
      "a",
      "guestinfo.",
      "guestinfo.a b",
      "guestinfo.a\n",
      "GUESTINFO.a",
      `guestinfo.${"x".repeat(201)}`,
    ];
    for (const key of keys)
      await assert.rejects(guestinfo.get(key), catalogueError("guest-initialisation", /is no key$/));
    for (const value of ["", "a\0b"]) await assert.rejects(guestinfo.set("guestinfo.a", value), TetherError);
    await assert.rejects(guestinfo.set("guestinfo.a", "x".repeat(65_536)), /longer than 64 KiB/);
    assert.deepEqual(host.requests, []);
  });

  it("says what was asked and what the host said, on one line", async () => {
    host.answer = () => "0 Permission\ndenied";
    const message = /^guestinfo: info-set guestinfo\.a: Permission\?denied$/;
    await assert.rejects(guestinfo.set("guestinfo.a", "x"), catalogueError("guest-initialisation", message));
    host.answer = () => new SystemCallError("ECONNRESET", -104, "backdoor open", "Connection reset by peer");
    await assert.rejects(guestinfo.get("guestinfo.a"), catalogueError("guest-initialisation", /ECONNRESET/));
  });

  it("splits long values and puts them together again", async () => {
    const text = "0123456789".repeat(15_001);
    await guestinfo.setLong("guestinfo.long", text);
    assert.deepEqual(
      [...host.keys.keys()],
      [...["guestinfo.long.1", "guestinfo.long.2", "guestinfo.long.3", "guestinfo.long"]],
    );
    assert.equal(await guestinfo.getLong("guestinfo.long"), text);
    await guestinfo.setLong("guestinfo.long", "short");
    assert.equal(await guestinfo.getLong("guestinfo.long"), "short");
  });

  it("asks for no more parts than were announced, nor behind too long ones", async () => {
    const text = "x".repeat(180_000);
    await guestinfo.setLong("guestinfo.long", text);
    host.keys.set("guestinfo.long.1", "y".repeat(1_000_000));
    host.requests.length = 0;
    await assert.rejects(guestinfo.getLong("guestinfo.long"), /1000000 of 180000/);
    assert.deepEqual(host.requests, ["info-get guestinfo.long", "info-get guestinfo.long.1"]);
  });

  it("ends in a value or in an error of the catalogue, whatever the host answers", async () => {
    const answers = fc.array(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `1 ${text}`),
        fc.constant("1 split:v1:3:9:x"),
      ),
    );
    await fc.assert(
      fc.asyncProperty(answers, async (replies) => {
        const waiting = [...replies];
        host.answer = () => waiting.shift() ?? "0 No value found";
        for (const call of [() => guestinfo.getLong("guestinfo.a"), () => guestinfo.erase("guestinfo.a")]) {
          try {
            await call();
          } catch (error) {
            assert.ok(error instanceof TetherError && !error.message.includes("\n"), String(error));
          }
        }
      }),
    );
  });
});

describe("guestinfo through the backdoor", function () {
  this.timeout(60_000);

  it("says so when the host cuts its answer", async () => {
    using host = new VmwareHost();
    const source = `result(await attempt(() => guestinfo.get("guestinfo.a")));`;
    const seen = await runOnVmware(host, source, ["fault=short@3"]);
    const message = "guestinfo: info-get guestinfo.a: the host's answer has no status";
    assert.deepEqual(seen, { code: "guest-initialisation", message });
  });

  it("reads and writes long values, and erases", async () => {
    using host = new VmwareHost();
    const source = `
      const text = "0123456789".repeat(15_001);
      await guestinfo.setLong("guestinfo.long", text);
      const same = await guestinfo.getLong("guestinfo.long") === text;
      await guestinfo.set("guestinfo.secret", "tell nobody");
      await guestinfo.erase("guestinfo.secret");
      await guestinfo.log("a line");
      const refused = await attempt(() => guestinfo.set("guestinfo.a/b", "x"));
      result([same, await guestinfo.get("guestinfo.secret"), await guestinfo.get("guestinfo.none") === undefined, refused]);`;
    const refused = {
      code: "guest-initialisation",
      message: "guestinfo: info-set guestinfo.a/b: Permission denied",
    };
    assert.deepEqual(await runOnVmware(host, source), [true, " ", true, refused]);
    assert.equal(host.get("guestinfo.secret"), " ");
    assert.ok(host.requests.includes("log a line"));
  });
});
