import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DynamicConfiguration } from "../../../../src/init/network/configuration.ts";
import { Network } from "../../../../src/init/network/network.ts";
import type { ChildStatus } from "../../../../src/system/system.ts";
import { interfaceConfiguration } from "../../../support/interface-configuration.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const ASKED: DynamicConfiguration = {
  method: "dhcp",
  isRequired: true,
  timeoutMs: 1000,
  hostname: "box",
  ignoresDns: false,
  ignoresRoutes: false,
};
const VNIC = interfaceConfiguration({ addresses: [], ipv4: ASKED, ipv6: ASKED });
const CONFIGURATION = { interfaces: [VNIC], resolver: VNIC.resolver };

const SIGTERM = 15;
const RTM_GETADDR = 22;

const IPV4 = "reason=BOUND\0new_ip_address=192.0.2.50\0new_subnet_cidr=24\0";
const IPV6 = "reason=BOUND6\0new_dhcp6_ia_na1_ia_addr1=2001:db8::50\0";

describe("the network", () => {
  const folder = useTemporaryFolder();

  /** As native/dhcp-event does. */
  const tell = (name: string, content: string): void => {
    writeFileSync(join(folder.path, "new"), content);
    renameSync(join(folder.path, "new"), join(folder.path, "leases", name));
  };

  it("takes an address that a server gives while the kernel is asked for another", async () => {
    const taken = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<ChildStatus>();
    let rounds = 0;
    let isAsked = false;
    const system = new RecordingSystem().answer("netlink", (_family, request) => {
      // Not when it is only asked what there is.
      if (Buffer.from(request).readUInt16LE(4) === RTM_GETADDR) return new Uint8Array();
      if (!isAsked) tell("eth0.dhcp", IPV4);
      isAsked = true;
      return new Uint8Array();
    });
    system.answer("kill", (_pid, signal) => {
      if (signal === SIGTERM) ended.resolve({ pid: 77, code: 0, coreDumped: false });
    });
    const reports: string[] = [];
    const network = new Network({
      system,
      reaper: { exitOf: () => ended.promise },
      onNames: () => {
        rounds += 1;
        if (rounds === 2) taken.resolve();
      },
      report: (message) => reports.push(message),
      folders: { sysfs: "", sysctls: "", modules: "", state: folder.path },
    });
    const applied = {
      device: { index: 2, name: "eth0", mac: VNIC.mac },
      state: { isUp: true, mtu: 0, addresses: ["fe80::ff:fe00:1/64"], routes: [] },
    };
    writeFileSync(
      join(folder.path, "network"),
      JSON.stringify({ applied: [["eth0", applied]], clientPid: 77, routerDns: [] }),
    );
    mkdirSync(join(folder.path, "leases"));
    tell("eth0.dhcp6", IPV6);

    network.resume(CONFIGURATION);
    assert.deepEqual(
      network.addresses.get("eth0"),
      ["2001:db8::50/128"],
      "what the kernel has been asked for",
    );
    await taken.promise;

    assert.deepEqual(network.addresses.get("eth0"), ["192.0.2.50/24", "2001:db8::50/128"]);
    const requests = system.argumentsOf("netlink").map(([, bytes]) => Buffer.from(bytes));
    assert.ok(requests.some((request) => request.includes(Buffer.from([192, 0, 2, 50]))));
    assert.deepEqual(system.argumentsOf("kill"), [[77, 10]], "the client is to know its address");
    assert.deepEqual(reports, []);
    tell("eth0.dhcp", IPV4.replace("BOUND", "RENEW"));
    await network.release();
  });
});
