import assert from "node:assert/strict";
import fc from "fast-check";
import type { EventBody } from "../../../../src/protocol/control-messages.ts";
import { GuestInfo } from "../../../../src/tether/guestinfo/index.ts";
import { cleanText } from "../../../../src/tether/status/clean-text.ts";
import { ContainerStatus, GuestinfoStatus } from "../../../../src/tether/status/index.ts";
import type { StatusRecord } from "../../../../src/tether/status/status-record.ts";
import { FakeGuestinfo } from "../../../support/vmware/fake-guestinfo.ts";

const KEY = "guestinfo.tether.status";
const time = { seconds: 1_800_000_000, nanoseconds: 500_000_000 };
const event = (body: EventBody, sessionId = "") => ({ sequence: 1, time, sessionId, ...body });

function makeStatus(addresses: Record<string, string[]> = {}): {
  status: ContainerStatus;
  records: StatusRecord[];
} {
  const records: StatusRecord[] = [];
  const sink = { publish: (record: StatusRecord) => void records.push(record) };
  return {
    status: new ContainerStatus({ sink, agentVersion: "1.2.3", addresses: () => addresses }),
    records,
  };
}

describe("the record of the container's status", () => {
  it("says what became of the process", () => {
    const { status, records } = makeStatus({ eth0: ["192.0.2.7/24"] });
    status.reached("configured");
    status.configured("web", false);
    status.happened(event({ started: { pid: 42 } }));
    const common = { version: 1, agent: "1.2.3", stage: "configured", hostname: "web", secrets: "erased" };
    const started = {
      ...common,
      restarts: 0,
      addresses: { eth0: ["192.0.2.7/24"] },
      started: "2027-01-15T08:00:00.500Z",
    };
    assert.deepEqual(records.at(-1), { ...started, state: "running", pid: 42 });
    status.happened(event({ exited: { code: 3, outOfMemory: true } }));
    const stopped = { stopped: "2027-01-15T08:00:00.500Z", outOfMemory: true };
    assert.deepEqual(records.at(-1), { ...started, ...stopped, state: "exited", exitCode: 3 });
  });

  it("says which disk has failed, while the process goes on", () => {
    const { status, records } = makeStatus();
    status.happened(event({ started: { pid: 1 } }));
    status.happened(event({ fileSystemFailed: { volumes: ["data"], error: "EIO", place: "ext4_lookup" } }));
    assert.equal(records.at(-1)?.state, "running");
    assert.deepEqual(records.at(-1)?.error, {
      code: "file-system-error",
      message: "volume data: EIO in ext4_lookup",
    });
    status.happened(event({ fileSystemFailed: { volumes: [], error: "ENODEV" } }));
    assert.equal(records.at(-1)?.error?.message, "the container's disk: ENODEV");
  });

  it("tells a signal from a code, and forgets the end before when the process is started again", () => {
    const { status, records } = makeStatus();
    status.happened(event({ started: { pid: 1 } }));
    status.happened(event({ exited: { signal: 15, willRestart: true } }));
    assert.equal(records.at(-1)?.signal, "SIGTERM");
    assert.equal(records.at(-1)?.exitCode, undefined);
    assert.equal(records.at(-1)?.state, "restarting");
    status.happened(event({ restarting: { count: 1, pauseMs: 100 } }));
    status.happened(event({ started: { pid: 2 } }));
    const { signal, stopped, restarts, state } = records.at(-1) ?? {};
    assert.deepEqual(
      { signal, stopped, restarts, state },
      { signal: undefined, stopped: undefined, restarts: 1, state: "running" },
    );
    status.happened(event({ exited: { signal: 40 } }));
    assert.equal(records.at(-1)?.signal, "40");
  });

  it("passes over execs", () => {
    const { status, records } = makeStatus();
    status.happened(event({ started: { pid: 1 } }, "an-exec"));
    status.happened(event({ exited: { code: 1 } }, "an-exec"));
    assert.deepEqual(records, []);
  });

  it("says why the container could not be made", () => {
    const { status, records } = makeStatus();
    status.happened(event({ failed: { error: { code: "guest-initialisation", message: "no\ndisk" } } }));
    assert.equal(records.at(-1)?.state, "failed");
    assert.deepEqual(records.at(-1)?.error, { code: "guest-initialisation", message: "no?disk" });
  });

  it("keeps whatever text on one line, bounded and well-formed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (text) => {
        const clean = cleanText(text);
        assert.ok(!/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/u.test(clean));
        assert.ok(Array.from(clean).length <= 512 && clean.isWellFormed());
      }),
    );
    assert.equal(cleanText("\ud800 \u202eevil\r\n"), "\ufffd ?evil??");
    assert.equal(Array.from(cleanText("😀".repeat(600))).length, 512);
  });
});

describe("the status in guestinfo", () => {
  let host: FakeGuestinfo;
  let reports: string[];
  let sink: GuestinfoStatus;
  beforeEach(() => {
    host = new FakeGuestinfo();
    reports = [];
    sink = new GuestinfoStatus(new GuestInfo(host.rpci), (message) => void reports.push(message));
  });

  const record = (change: Partial<StatusRecord> = {}): StatusRecord => ({
    ...{ version: 1, agent: "1.2.3", stage: "started", state: "running", addresses: {}, restarts: 0 },
    ...change,
  });

  it("is one record on one line, and copies of its fields", async () => {
    const whole = record({
      hostname: "web",
      addresses: { eth0: ["192.0.2.7/24", "2001:db8::7/64"] },
      exitCode: 0,
    });
    sink.publish(whole);
    await sink.flush(1000);
    const text = host.keys.get(KEY) ?? "";
    assert.deepEqual(JSON.parse(text), whole);
    assert.ok(!text.includes("\n"));
    const copy = (name: string) => host.keys.get(`${KEY}.${name}`);
    assert.equal(copy("hostname"), "web");
    assert.equal(copy("exit_code"), "0");
    assert.equal(copy("signal"), " ");
    assert.equal(copy("restarts"), "0");
    assert.equal(copy("addresses.eth0"), "192.0.2.7/24 2001:db8::7/64");
  });

  it("has no two exits in one value, whenever it is read", async () => {
    const seen: string[] = [];
    host.answer = () => {
      seen.push(host.keys.get(KEY) ?? "");
      return undefined;
    };
    for (let count = 0; count < 20; count += 1) {
      const change = count % 2 ? { exitCode: count } : { signal: "SIGKILL" };
      sink.publish(record({ state: "exited", restarts: count, ...change }));
      if (count % 3 === 0) await sink.flush(1000);
    }
    await sink.flush(1000);
    assert.equal(JSON.parse(host.keys.get(KEY) ?? "").exitCode, 19);
    for (const text of seen.filter(Boolean)) {
      const { restarts, exitCode, signal } = JSON.parse(text);
      assert.deepEqual([exitCode, signal], restarts % 2 ? [restarts, undefined] : [undefined, "SIGKILL"]);
    }
  });

  it("writes what has changed, and takes away what is no more", async () => {
    sink.publish(record({ exitCode: 1, addresses: { eth0: ["192.0.2.7/24"] } }));
    await sink.flush(1000);
    host.requests.length = 0;
    sink.publish(record({ state: "running" }));
    await sink.flush(1000);
    const keys = host.requests.map((request) => request.split(" ")[1]);
    assert.deepEqual(new Set(keys), new Set([KEY, `${KEY}.addresses.eth0`, `${KEY}.exit_code`]));
    assert.equal(host.keys.get(`${KEY}.exit_code`), " ");
    assert.equal(host.keys.get(`${KEY}.addresses.eth0`), " ");
  });

  it("is not waited for: while the host is slow, only the latest record waits", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    host.answer = () => promise.then(() => "1 ");
    for (let count = 0; count < 1000; count += 1) sink.publish(record({ restarts: count }));
    host.answer = () => undefined;
    assert.equal(host.requests.length, 1);
    resolve();
    await sink.flush(1000);
    const written = host.requests.filter((request) => request.startsWith(`info-set ${KEY} `));
    assert.deepEqual(
      written.map((request) => JSON.parse(request.slice(`info-set ${KEY} `.length)).restarts),
      [0, 999],
    );
  });

  it("is given up after a limit when the host does not answer", async () => {
    host.answer = () => new Promise(() => {});
    sink.publish(record());
    await sink.flush(20);
    assert.deepEqual(reports, ["the host has not taken the status in 20 ms"]);
  });

  it("tells once that the host refuses, and is written anew as soon as it does not", async () => {
    host.answer = () => "0 Permission denied";
    for (let count = 0; count < 5; count += 1) {
      sink.publish(record({ restarts: count }));
      await sink.flush(1000);
    }
    assert.deepEqual(reports, [`guestinfo: info-set ${KEY}: Permission denied`]);
    host.answer = () => undefined;
    sink.publish(record({ restarts: 5 }));
    await sink.flush(1000);
    assert.equal(JSON.parse(host.keys.get(KEY) ?? "").restarts, 5);
  });
});
