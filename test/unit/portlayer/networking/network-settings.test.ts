import assert from "node:assert/strict";
import {
  type NetworkWords,
  parseNetworkSettings,
  publishAll,
} from "../../../../src/portlayer/networking/index.ts";

const words = (changes: Partial<NetworkWords> = {}): NetworkWords => ({
  networks: [],
  macAddress: undefined,
  ip: undefined,
  ip6: undefined,
  aliases: [],
  publish: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  domainname: undefined,
  ...changes,
});

describe("Docker's options of a network", () => {
  it("are nothing by default, and with none", () => {
    for (const networks of [[], ["none"]])
      assert.deepEqual(parseNetworkSettings(words({ networks })).interfaces, []);
  });

  it("make a vNIC for each network; those of one belong to the first", () => {
    const { interfaces } = parseNetworkSettings(
      words({
        networks: ["tap:tap0,ip=192.0.2.8/24,gateway=192.0.2.1,ipv6=slaac:optional:5", "user"],
        ip: "192.0.2.7/24",
        macAddress: "02:00:00:00:00:AA",
        aliases: ["front"],
        publish: ["8080:80", "53/udp"],
      }),
    );
    const [first, second] = interfaces;
    assert.deepEqual(first?.addresses, ["192.0.2.7/24", "192.0.2.8/24"]);
    assert.deepEqual(
      [first.mac, first.gateway4, first.aliases],
      ["02:00:00:00:00:aa", "192.0.2.1", ["front"]],
    );
    assert.deepEqual(first.ipv6, { method: "slaac", isOptional: true, timeoutMs: 5000 });
    assert.deepEqual(
      first.ports.map(({ protocol, port, targetPort }) => [protocol, port, targetPort]),
      [
        ["tcp", 8080, 80],
        ["udp", 53, 53],
      ],
    );
    assert.deepEqual(
      [second?.name, second?.backend.kind, second?.addresses],
      ["eth1", "user", ["10.0.3.15/24"]],
    );
    assert.notEqual(first.mac, second?.mac);
  });

  it("publish all that is exposed and is not published by itself", () => {
    const exposed = ["80/tcp", "80/udp", "7001/tcp", "9000"];
    const given = parseNetworkSettings(words({ networks: ["user"], publish: ["8080:80", "7000-7002"] }));
    const [first] = publishAll(given, exposed).interfaces;
    assert.deepEqual(
      first?.ports
        .slice(given.interfaces[0]?.ports.length)
        .map(({ protocol, port, targetPort }) => [...[protocol, port, targetPort]]),
      [
        ["udp", 0, 80],
        ["tcp", 0, 9000],
      ],
    );
    const none = parseNetworkSettings(words());
    assert.deepEqual(publishAll(none, exposed), none);
    const tap = parseNetworkSettings(words({ networks: ["tap:tap0,ip=192.0.2.7/24"] }));
    assert.deepEqual(publishAll(tap, ["80/tcp"]).interfaces[0]?.ports[0]?.port, 80);
  });

  it("leave a port of this machine open that is not said, or is 0, each one of a range by itself", () => {
    const { interfaces } = parseNetworkSettings(
      words({ networks: ["user"], publish: ["80", "0:90/udp", "127.0.0.1::7000-7001", "127.0.0.1:0:22"] }),
    );
    assert.deepEqual(
      interfaces[0]?.ports.map(({ hostAddress, port, targetPort, count }) => [
        ...[hostAddress, port, targetPort, count],
      ]),
      [
        ["", 0, 80, 1],
        ["", 0, 90, 1],
        ["127.0.0.1", 0, 7000, 1],
        ["127.0.0.1", 0, 7001, 1],
        ["127.0.0.1", 0, 22, 1],
      ],
    );
  });

  const REFUSED: ReadonlyArray<readonly [Partial<NetworkWords>, RegExp]> = [
    [{ networks: ["bridge"] }, /there are the networks none, user and tap:NAME/],
    [{ networks: ["none", "user"] }, /none and another network/],
    [{ networks: ["tap:tap0,speed=9"] }, /there is no option speed; there are alias, dns, gateway, ip,/],
    [{ networks: ["tap:tap0,ip=192.0.2.7"] }, /ip cannot be "192.0.2.7"/],
    [{ networks: ["tap:tap0,__proto__=1"] }, /there is no option __proto__/],
    [{ networks: ["user,ip=10.0.2.16/24"] }, /there is no option ip/],
    [{ networks: ["tap:a,name=x", "tap:b,name=x"] }, /two networks have the name x/],
    [{ networks: ["tap:tap0"], ip: "192.0.2.7" }, /its prefix length is needed/],
    [{ networks: ["tap:tap0"], publish: ["127.0.0.1:80:80"] }, /container's own address/],
    [{ networks: ["tap:tap0"], publish: ["80-90:80"] }, /not of the same length/],
    [{ networks: ["tap:tap0"], publish: ["80:0"] }, /Invalid containerPort/],
    [{ publish: ["80:80"] }, /--publish: the container has no network/],
    [{ macAddress: "02:00:00:00:00:01" }, /--mac-address: the container has no network/],
    [{ networks: ["tap:tap0"], macAddress: "01:00:00:00:00:01" }, /not a valid mac address/],
    [{ dns: ["resolver"] }, /resolver is not an ip address/],
    [{ dnsSearch: ["a b"] }, /not a valid domain/],
    [{ dnsOptions: ["x\nnameserver 6.6.6.6"] }, /no option of resolv.conf/],
  ];

  for (const [changes, message] of REFUSED)
    it(`refuses ${JSON.stringify(changes)}`, () => {
      assert.throws(() => parseNetworkSettings(words(changes)), { code: "invalid-option", message });
    });
});
