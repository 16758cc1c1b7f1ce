import assert from "node:assert/strict";
import { useSegment } from "../support/network-segment.ts";
import { type Answers, ask } from "../support/vm-questions.ts";
import { DEMO_IMAGE, useHost } from "../support/vm-host.ts";

const QUESTIONS = {
  links: "ip -o link",
  addresses: "ip -o addr show dev eth0",
  tentative: "ip -o addr | grep -c tentative",
  routes: "ip route; ip -6 route",
  secondAddresses: "ip -o addr show dev inner",
  hosts: "cat /etc/hosts",
  resolv: "cat /etc/resolv.conf",
  names: "hostname; cat /proc/sys/kernel/domainname; ping -c 1 -W 5 $(hostname)",
  ping: "ping -c 2 -W 5 192.0.2.1",
  ping6: "ping -6 -c 2 -W 5 2001:db8::1",
  large: "ping -c 1 -W 5 -s 1200 192.0.2.1",
  privacy: "cat /proc/sys/net/ipv6/conf/eth0/use_tempaddr /proc/sys/net/ipv6/conf/inner/disable_ipv6",
  modules: "cut -d' ' -f1 /proc/modules",
} as const;

const NETWORKS = [
  "--network",
  "tap:tap0,mac=02:00:00:00:00:07,ip=192.0.2.7/24,ip=192.0.2.8/24,ip=2001:db8::7/64,gateway=192.0.2.1," +
    "gateway=2001:db8::1,route=198.51.100.0/24@192.0.2.9,route=203.0.113.0/24@192.0.2.9@77,mtu=1400",
  "--network",
  "tap:tap1,name=inner,ip=10.9.0.2/16,gateway=10.9.0.1,metric=500,alias=box.inner",
  ...["--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:2"],
  ...["-h", "box", "--domainname", "example.net", "--network-alias", "front"],
];

describe("a container VM with static addresses", () => {
  const host = useHost();
  const segment = useSegment("static", ["192.0.2.1/24", "2001:db8::1/64"], 2);

  for (const start of ["cold", "forked"] as const) {
    describe(start === "cold" ? "that boots" : "that goes on from a template", () => {
      let answers: Answers<keyof typeof QUESTIONS>;
      const output = (name: keyof typeof QUESTIONS): string => answers[name].output;
      before(async () => {
        const args = [...NETWORKS, "--start", start, DEMO_IMAGE];
        answers = await ask(host, args, QUESTIONS, segment.vch);
      });

      it("has its vNICs by their names, with MAC address and MTU", () => {
        assert.match(output("links"), /eth0: <[^>]*UP[^>]*> mtu 1400 .*02:00:00:00:00:07/s);
        assert.match(output("links"), /inner: <[^>]*UP[^>]*> mtu 1500 /);
      });

      it("has every address, ready when its process starts", () => {
        for (const address of ["192.0.2.7/24", "192.0.2.8/24", "2001:db8::7/64"])
          assert.ok(output("addresses").includes(address), output("addresses"));
        assert.match(output("secondAddresses"), /inet 10\.9\.0\.2\/16/);
        assert.equal(output("tentative").trim(), "0");
      });

      it("has gateways, routes and metrics", () => {
        const routes = output("routes");
        assert.match(routes, /^default via 192\.0\.2\.1 dev eth0 *(onlink *)?$/m);
        assert.match(routes, /^default via 10\.9\.0\.1 dev inner .*metric 500 /m);
        assert.match(routes, /^198\.51\.100\.0\/24 via 192\.0\.2\.9 dev eth0 (onlink *)?$/m);
        assert.match(routes, /^203\.0\.113\.0\/24 via 192\.0\.2\.9 dev eth0 .*metric 77 /m);
        assert.match(routes, /^default via 2001:db8::1 dev eth0 /m);
      });

      it("reaches the other end, also with packets as large as the MTU lets them be", () => {
        for (const name of ["ping", "ping6", "large"] as const)
          assert.equal(answers[name].status, 0, output(name));
      });

      it("knows its own name, its aliases and its name servers", () => {
        assert.match(output("hosts"), /^192\.0\.2\.7\tbox\.example\.net box front$/m);
        assert.match(output("hosts"), /^2001:db8::7\tbox\.example\.net box front$/m);
        assert.match(output("hosts"), /^10\.9\.0\.2\tbox\.example\.net box box\.inner$/m);
        assert.equal(output("resolv"), "search example.org\nnameserver 192.0.2.53\noptions ndots:2\n");
        assert.match(output("names"), /^box\nexample\.net\nPING box \(192\.0\.2\.7\)/);
      });

      it("has no temporary IPv6 addresses, and IPv6 only where it is configured", () => {
        assert.equal(output("privacy"), "0\n1\n");
      });
    });
  }

  it("loads no driver and no firewall without a vNIC", async () => {
    const { modules, links } = await ask(host, [DEMO_IMAGE], {
      modules: QUESTIONS.modules,
      links: QUESTIONS.links,
    });
    assert.doesNotMatch(modules.output, /virtio_net|nf_tables|nf_conntrack/);
    assert.equal(links.output.trim().split("\n").length, 1);
  });

  it("says which vNIC lacks its TAP device, and leaves nothing", async () => {
    const { status, complaints } = await host.run(
      ["run", "--rm", "--network", "tap:nowhere,ip=192.0.2.7/24", DEMO_IMAGE, "true"],
      { program: segment.vch },
    );
    assert.equal(status, 125);
    assert.match(complaints.join("\n"), /^vch: there is no TAP device nowhere on this machine/);
  });
});
