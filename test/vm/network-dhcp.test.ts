import assert from "node:assert/strict";
import { DhcpServer } from "../support/dhcp-server.ts";
import { useSegment } from "../support/network-segment.ts";
import { type Answers, ask } from "../support/vm-questions.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

const QUESTIONS = {
  addresses: "ip -o addr show dev eth0 scope global",
  routes: "ip route; ip -6 route",
  hosts: "cat /etc/hosts",
  resolv: "cat /etc/resolv.conf",
  ping: "ping -c 1 -W 5 192.0.2.1 && ping -6 -c 1 -W 5 2001:db8::1",
} as const;

/** Half of the shortest lease that dnsmasq gives, but for the time when it is to be renewed. */
const RENEWAL_S = 4;

const FULL = [
  ...["--port=0", "--dhcp-range=192.0.2.50,192.0.2.60,2m", "--dhcp-range=2001:db8::50,2001:db8::60,64,2m"],
  ...["--enable-ra", `--dhcp-option-force=option:T1,${RENEWAL_S}`, "--dhcp-option=option:router,192.0.2.99"],
  "--dhcp-option=option:classless-static-route,198.51.100.0/24,192.0.2.9,203.0.113.0/24,0.0.0.0,0.0.0.0/0,192.0.2.1",
  ...["--dhcp-option=option:dns-server,192.0.2.53", "--dhcp-option=option:domain-search,a.example,b.example"],
  "--dhcp-option=option6:dns-server,[2001:db8::53]",
];

describe("a container VM with addresses of a DHCP server", () => {
  const host = useHost();
  const segment = useSegment("dhcp", ["192.0.2.1/24", "2001:db8::1/64"], 1);

  describe("for both families", () => {
    let answers: Answers<keyof typeof QUESTIONS | "renewed">;
    let said: string;
    const output = (name: keyof typeof answers): string => answers[name].output;
    before(async () => {
      await using server = await DhcpServer.start(segment, FULL);
      const args = [
        "-h",
        "leasing",
        "--network",
        "tap:tap0,mac=02:00:00:00:00:07,ipv4=dhcp,ipv6=dhcp",
        DEMO_IMAGE,
      ];
      const renewed = `sleep ${RENEWAL_S + 2}; ip -o addr show dev eth0 scope global; cat /etc/resolv.conf`;
      answers = await ask(host, args, { ...QUESTIONS, renewed }, segment.vch);
      // What it does not have it cannot give back.
      assert.match(output("addresses"), /inet 192\.0\.2\.5\d\/24 /);
      await server.said.expect(/DHCPRELEASE\(br0\) 192\.0\.2\./);
      said = server.said.text;
    });

    it("has them when its process starts, with what is beside them", () => {
      assert.match(output("addresses"), /inet 192\.0\.2\.5\d\/24 /);
      assert.match(output("addresses"), /inet6 2001:db8::[56][0-9a-f]\/128 /);
      assert.equal(answers.ping.status, 0, output("ping"));
      assert.equal(
        output("resolv"),
        "search a.example b.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n",
      );
      assert.match(output("hosts"), /^192\.0\.2\.5\d\tleasing$/m);
      assert.match(output("hosts"), /^2001:db8::[56][0-9a-f]\tleasing$/m);
    });

    it("has its classless routes, and then no other router", () => {
      const routes = output("routes");
      assert.match(routes, /^default via 192\.0\.2\.1 dev eth0/m);
      assert.doesNotMatch(routes, /192\.0\.2\.99/);
      assert.match(routes, /^198\.51\.100\.0\/24 via 192\.0\.2\.9 dev eth0/m);
      assert.match(routes, /^203\.0\.113\.0\/24 dev eth0/m);
      assert.match(routes, /^default via fe80:.* dev eth0/m);
    });

    it("says its host name, renews in time and gives back what it has", () => {
      assert.match(said, /client provides name: leasing/);
      assert.ok([...said.matchAll(/DHCPACK\(br0\) 192\.0\.2\.5\d/g)].length >= 2, said);
      assert.equal(output("renewed"), output("addresses") + output("resolv"));
      assert.match(said, /DHCPRELEASE\(br0\) 00:/);
      assert.match(said, /DHCPRELEASE\(br0\) 192\.0\.2\.5\d 02:00:00:00:00:07/);
    });
  });

  it("gives an address back also when its process ends at once", async () => {
    await using server = await DhcpServer.start(segment, FULL);
    const { status, complaints } = await host.run(
      ["run", "--rm", "--network", "tap:tap0,ipv4=dhcp,ipv6=dhcp", DEMO_IMAGE, "true"],
      { program: segment.vch },
    );
    assert.deepEqual({ status, complaints }, { status: 0, complaints: [] });
    await server.said.expect(/DHCPRELEASE\(br0\) 192\.0\.2\./);
  });

  it("has an address alone when the server has nothing else", async () => {
    const options = [
      "--port=0",
      "--dhcp-range=192.0.2.70,192.0.2.80,2m",
      "--dhcp-option=3",
      "--dhcp-option=6",
    ];
    await using _server = await DhcpServer.start(segment, options);
    const { addresses, routes, resolv } = await ask(
      host,
      ["--network", "tap:tap0,ipv4=dhcp", DEMO_IMAGE],
      QUESTIONS,
      segment.vch,
    );
    assert.match(addresses.output, /inet 192\.0\.2\.\d+\/24 /);
    assert.doesNotMatch(routes.output, /default/);
    assert.equal(resolv.output, "");
  });

  it("has one of a router's prefix (SLAAC), with its default route", async () => {
    await using _server = await DhcpServer.start(segment, [
      "--port=0",
      "--dhcp-range=2001:db8::,ra-only,64,2m",
      "--enable-ra",
      "--dhcp-option=option6:dns-server,[2001:db8::53]",
      "--dhcp-option=option6:domain-search,example.org",
    ]);
    const network = "tap:tap0,mac=02:00:00:00:00:07,ip=192.0.2.7/24,ipv6=slaac";
    const { addresses, routes, hosts, resolv, ping } = await ask(
      host,
      ["-h", "box", "--network", network, DEMO_IMAGE],
      QUESTIONS,
      segment.vch,
    );
    assert.match(addresses.output, /inet6 2001:db8::ff:fe00:7\/64 /);
    assert.match(routes.output, /^default via fe80:.* dev eth0/m);
    assert.match(hosts.output, /^2001:db8::ff:fe00:7\tbox$/m);
    assert.equal(resolv.output, "search example.org\nnameserver 2001:db8::53\n");
    assert.equal(ping.status, 0, ping.output);
  });

  describe("when nobody answers", () => {
    it("does not start, and says on which network", async () => {
      const { status, complaints } = await host.run(
        ["run", "--rm", "--network", "tap:tap0,ipv4=dhcp:2", DEMO_IMAGE, "true"],
        { program: segment.vch },
      );
      assert.equal(status, 125);
      assert.deepEqual(complaints, [
        "vch: eth0: no DHCP server has given an IPv4 address within 2 s (network tap0)",
      ]);
    });

    it("starts without an address when that is the policy", async () => {
      const network = "tap:tap0,ipv4=dhcp:optional:2,ipv6=slaac:optional:2";
      const { addresses, hosts } = await ask(
        host,
        ["-h", "box", "--network", network, DEMO_IMAGE],
        QUESTIONS,
        segment.vch,
      );
      assert.equal(addresses.output, "");
      assert.match(hosts.output, /^127\.0\.1\.1\tbox$/m);
    });
  });
});
