import assert from "node:assert/strict";
import {
  describeNetworks,
  describePorts,
  networkNames,
  type NetworkWords,
  parseNetworkSettings,
} from "../../../../src/portlayer/networking/index.ts";

describe("the vNICs of a container, as Docker shows networks", () => {
  const NONE: NetworkWords = {
    ...{ networks: [], macAddress: undefined, ip: undefined, ip6: undefined, aliases: [], publish: [] },
    ...{ dns: [], dnsSearch: [], dnsOptions: [], domainname: undefined },
  };
  const made = (changes: Partial<NetworkWords>) => parseNetworkSettings({ ...NONE, ...changes }).interfaces;

  it("have the names that the command line has, each once", () => {
    assert.deepEqual(networkNames([]), []);
    const interfaces = made({ networks: ["user", "tap:tap0", "user"] });
    assert.deepEqual(networkNames(interfaces), ["user", "tap:tap0", "user@eth2"]);
  });

  it("have their ports, with ranges, where they are asked for", () => {
    const published = ["8080:80", "127.0.0.1:9000-9001:90-91/udp"];
    assert.equal(
      describePorts(made({ networks: ["user"], publish: published })),
      "0.0.0.0:8080->80/tcp, 127.0.0.1:9000-9001->90-91/udp",
    );
    assert.equal(
      describePorts(made({ networks: ["tap:tap0,ip=192.0.2.7/24"], publish: ["8080:80"] })),
      "192.0.2.7:8080->80/tcp",
    );
  });

  it("have Docker's settings, as far as they are known here", () => {
    const network =
      "tap:tap0,mac=02:00:00:00:00:07,ip=192.0.2.7/24,ip=2001:db8::7/64,gateway=192.0.2.1,alias=db";
    const { Ports, Networks, IPAddress, MacAddress } = describeNetworks(
      made({ networks: [network], publish: ["8080-8081:80-81"] }),
    );
    assert.deepEqual(Ports, {
      "80/tcp": [{ HostIp: "192.0.2.7", HostPort: "8080" }],
      "81/tcp": [{ HostIp: "192.0.2.7", HostPort: "8081" }],
    });
    assert.deepEqual([IPAddress, MacAddress], ["192.0.2.7", "02:00:00:00:00:07"]);
    assert.deepEqual(Networks, {
      "tap:tap0": {
        ...{ IPAMConfig: null, Links: null, Aliases: ["db"], MacAddress: "02:00:00:00:00:07" },
        ...{ Gateway: "192.0.2.1", IPAddress: "192.0.2.7", IPPrefixLen: 24 },
        ...{ IPv6Gateway: "", GlobalIPv6Address: "2001:db8::7", GlobalIPv6PrefixLen: 64 },
      },
    });
    const { Networks: none, ...rest } = describeNetworks([]);
    assert.deepEqual(rest, { Ports: {}, IPAddress: "", MacAddress: "" });
    assert.deepEqual(Object.keys(none), ["none"]);
  });
});
