import assert from "node:assert/strict";
import { tether } from "../../../../src/protocol/generated/config.js";
import {
  chosenPorts,
  encodeInterfaces,
  leavesPortsOpen,
  machineInterfaces,
  parseNetworkSettings,
  reachedInterfaces,
} from "../../../../src/portlayer/networking/index.ts";

const { TCP, UDP } = tether.config.PublishedPort.Protocol;

const { interfaces } = parseNetworkSettings({
  ...{ networks: ["user"], macAddress: undefined, ip: undefined, ip6: undefined, aliases: [] },
  ...{
    publish: ["8080:80", "80", "81", "81"],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    domainname: undefined,
  },
});
const id = machineInterfaces(interfaces)[0]?.id ?? "";
const forward = (hostPort: number, guestPort: number) =>
  ({ id, protocol: "tcp", hostAddress: "", hostPort, guestPort }) as const;
const forwards = [forward(8080, 80), forward(40_001, 80), forward(40_002, 81), forward(40_003, 81)];

describe("ports that are left open", () => {
  it("are what the machine forwards beyond those that were asked for, each once", () => {
    assert.equal(leavesPortsOpen(interfaces), true);
    const chosen = chosenPorts(interfaces, forwards);
    assert.deepEqual(
      reachedInterfaces(interfaces, chosen)[0]?.ports.map(({ port, targetPort }) => [port, targetPort]),
      [
        [8080, 80],
        [40_001, 80],
        [40_002, 81],
        [40_003, 81],
      ],
    );
  });

  it("are none of a machine that does not run", () => {
    const reached = reachedInterfaces(interfaces);
    assert.deepEqual(
      reached[0]?.ports.map(({ port }) => port),
      [8080],
    );
    assert.equal(leavesPortsOpen(reached), false);
  });
});

describe("ports that are published several times", () => {
  it("are let in by the guest once", () => {
    const settings = parseNetworkSettings({
      ...{ networks: ["user"], macAddress: undefined, ip: undefined, ip6: undefined, aliases: [] },
      ...{ dns: [], dnsSearch: [], dnsOptions: [], domainname: undefined },
      publish: ["8081-8083:81-83", "80", "9000:82", "53:80/udp", "7000:90", "6000-6001:83-84"],
    });
    const [encoded] = encodeInterfaces(settings.interfaces);
    assert.deepEqual(
      encoded?.firewall?.ports?.map(({ protocol, port, targetPort, count }) => [
        ...[protocol, port, targetPort, count],
      ]),
      [
        [TCP, 80, 80, 5],
        [UDP, 80, 80, 1],
        [TCP, 90, 90, 1],
      ],
    );
  });
});
