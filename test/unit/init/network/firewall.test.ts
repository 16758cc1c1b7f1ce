import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { InterfaceConfiguration } from "../../../../src/init/network/configuration.ts";
import { firewalled, firewallNeeds } from "../../../../src/init/network/firewall/rules.ts";
import { interfaceConfiguration } from "../../../support/interface-configuration.ts";
import { isolated } from "../../system/linux.ts";

const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../../src/init/network/${path}`, import.meta.url)));

/** What Debian's nft shows of the rules that the kernel has taken, twice in a row, in a network namespace. */
async function rulesOf(interfaces: readonly InterfaceConfiguration[]): Promise<string> {
  const shown = await isolated(`
    import { execFileSync } from "node:child_process";
    import { firewalled, firewallMessages } from ${source("firewall/rules.ts")};
    import { requestFirewall } from ${source("kernel-requests.ts")};
    for (let i = 0; i < 2; i++) requestFirewall(system, firewallMessages(${JSON.stringify(interfaces)}.map(firewalled)));
    result(execFileSync("nft", ["list", "ruleset"], { encoding: "utf8" }));
  `);
  return String(shown);
}

const firewall = (
  trust: InterfaceConfiguration["firewall"]["trust"],
  changes: Partial<InterfaceConfiguration["firewall"]> = {},
): Pick<InterfaceConfiguration, "firewall"> => ({ firewall: { trust, pools: [], ports: [], ...changes } });

describe("the firewall's rules", function () {
  this.timeout(20_000);

  it("are understood by nft as they are meant", async () => {
    const dhcp = {
      method: "dhcp",
      isRequired: true,
      timeoutMs: 1,
      hostname: "box",
      ignoresDns: false,
      ignoresRoutes: false,
    } as const;
    const port = { protocol: "tcp", port: 8080, targetPort: 80, count: 1 } as const;
    const rules = await rulesOf([
      interfaceConfiguration({
        name: "eth0",
        ipv4: dhcp,
        ...firewall("published", { ports: [port, { protocol: "udp", port: 53, targetPort: 53, count: 2 }] }),
      }),
      interfaceConfiguration({ name: "eth1", ...firewall("open") }),
      interfaceConfiguration({ name: "eth2", addresses: ["2001:db8::1/64"], ...firewall("closed") }),
      interfaceConfiguration({ name: "eth3", ...firewall("peers", { pools: ["10.1.0.0/16", "fd00::/8"] }) }),
      interfaceConfiguration({ name: "eth4", ...firewall("outbound") }),
    ]);
    const chain = (name: string): string =>
      new RegExp(`chain ${name} \\{\\n([^}]*)\\}`).exec(rules)?.[1]?.replaceAll(/^\s+/gm, "").trim() ?? "";
    for (const hook of ["input", "output", "forward"]) assert.match(chain(hook), /policy drop;/);
    assert.equal(
      chain("in-eth0"),
      [
        "ct state established,related accept",
        "meta nfproto ipv4 udp sport 67 udp dport 68 accept",
        "icmp type 8-8 accept",
        "icmpv6 type 128-128 accept",
        "meta l4proto tcp ct original proto-dst 8080-8080 accept",
        "meta l4proto udp ct original proto-dst 53-54 accept",
      ].join("\n"),
    );
    assert.match(chain("prerouting"), /iifname "eth0" meta l4proto tcp redirect to :tcp dport map @tcp-eth0/);
    assert.match(rules, /elements = \{ 8080 : 80 \}/);
    assert.deepEqual([chain("in-eth1"), chain("out-eth1")], ["accept", "accept"]);
    assert.match(chain("in-eth2"), /^@nh,56,8 0xff icmpv6 type 133-137 accept\nicmpv6 type 130-130 accept$/);
    assert.doesNotMatch(chain("out-eth2"), /^accept$/m);
    assert.equal(
      chain("in-eth3"),
      "ct state established,related accept\nip saddr 10.1.0.0/16 accept\nip6 saddr fd00::/8 accept",
    );
    assert.equal(chain("in-eth4"), "ct state established,related accept");
  });

  it("take the largest range that a document can have", async () => {
    const port = { protocol: "tcp", port: 1, targetPort: 2, count: 4000 } as const;
    const rules = await rulesOf([
      interfaceConfiguration({ name: "eth0", ...firewall("published", { ports: [port] }) }),
    ]);
    assert.match(rules, /\b4000 : 4001\b/);
  });

  it("need no module of the kernel's where nothing is judged", () => {
    const open = interfaceConfiguration({ name: "eth0", ...firewall("open") });
    const closed = interfaceConfiguration({ name: "eth1", ...firewall("closed") });
    assert.deepEqual(
      [[open], [open, closed], []].map((each) => firewallNeeds(each.map(firewalled))),
      [[], ["rules"], []],
    );
  });
});
