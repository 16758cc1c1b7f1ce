import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DhcpClient } from "../../../../src/init/network/dhcp-client.ts";
import type { ChildStatus } from "../../../../src/system/system.ts";
import { interfaceConfiguration } from "../../../support/interface-configuration.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const PID = 77;
const RENEW = [PID, 10] as const;
const END = [PID, 15] as const;

const VNIC = interfaceConfiguration({
  addresses: [],
  ipv4: {
    method: "dhcp",
    isRequired: true,
    timeoutMs: 1000,
    hostname: "box",
    ignoresDns: false,
    ignoresRoutes: false,
  },
});

describe("the DHCP client", () => {
  const folder = useTemporaryFolder();
  let system: RecordingSystem;
  let client: DhcpClient;

  /** As native/dhcp-event does. */
  const tell = (reason: string): void => {
    writeFileSync(join(folder.path, "new"), `reason=${reason}\0new_ip_address=192.0.2.50\0`);
    renameSync(join(folder.path, "new"), join(folder.path, "leases/eth0.dhcp"));
  };
  const notice = (address: string): void => client.noticeAddresses(new Map([["eth0", address]]));

  beforeEach(() => {
    const ended = Promise.withResolvers<ChildStatus>();
    system = new RecordingSystem().answer("kill", (_pid, signal) => {
      if (signal === END[1]) ended.resolve({ pid: PID, code: 0, coreDumped: false });
    });
    client = new DhcpClient({
      system,
      reaper: { exitOf: () => ended.promise },
      folder: folder.path,
      onChange: () => {},
      onError: assert.ifError,
      onStarted: () => {},
    });
    client.resume([VNIC], PID);
    mkdirSync(join(folder.path, "leases"), { recursive: true });
    tell("BOUND");
  });

  afterEach(() => client.stop());

  it("renews once for each address, so that it knows what it has", () => {
    notice("192.0.2.50/24");
    notice("192.0.2.50/24");
    assert.deepEqual(system.argumentsOf("kill"), [RENEW]);
    notice("192.0.2.51/24");
    assert.deepEqual(system.argumentsOf("kill"), [RENEW, RENEW]);
    client.noticeAddresses(new Map());
    notice("192.0.2.51/24");
    assert.deepEqual(system.argumentsOf("kill"), [RENEW, RENEW, RENEW]);
    tell("RENEW");
  });

  it("gives an address back when it knows it", async () => {
    notice("192.0.2.50/24");
    const stopped = client.stop();
    await new Promise(setImmediate);
    assert.deepEqual(system.argumentsOf("kill"), [RENEW]);
    tell("RENEW");
    await stopped;
    assert.deepEqual(system.argumentsOf("kill"), [RENEW, END]);
  });

  it("ends at once when it has renewed, or has no address", async () => {
    notice("192.0.2.50/24");
    tell("RENEW");
    const stopped = client.stop();
    assert.equal(client.pid, PID);
    await new Promise(setImmediate);
    assert.deepEqual(system.argumentsOf("kill"), [RENEW, END]);
    await stopped;
  });

  it("does not wait for a server that is gone", async () => {
    notice("192.0.2.50/24");
    const startedMs = performance.now();
    await client.stop();
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > 450 && tookMs < 1500, `${tookMs} ms`);
    assert.deepEqual(system.argumentsOf("kill"), [RENEW, END]);
  });
});
