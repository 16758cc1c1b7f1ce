import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { BARE, linkStateOf, type LinkState, planLink } from "../../../../src/init/network/link-state.ts";
import { interfaceConfiguration } from "../../../support/interface-configuration.ts";
import { isolated } from "../../system/linux.ts";

const MAC = Buffer.from("020000000001", "hex");
const OWN = { mac: MAC, mtu: 1500 };
const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../../src/init/network/${path}`, import.meta.url)));

const FIRST: LinkState = {
  isUp: true,
  mtu: 1400,
  addresses: ["192.0.2.2/24", "2001:db8::2/64"],
  routes: [
    { destination: "0.0.0.0/0", gateway: "192.0.2.1", metric: 0 },
    { destination: "198.51.100.0/24", gateway: "", metric: 7 },
  ],
};

const SECOND: LinkState = {
  isUp: true,
  mtu: 1300,
  addresses: ["192.0.2.3/24", "2001:db8::2/64"],
  routes: [
    { destination: "0.0.0.0/0", gateway: "192.0.2.254", metric: 0 },
    { destination: "203.0.113.0/24", gateway: "192.0.2.9", metric: 0 },
    { destination: "::/0", gateway: "2001:db8::1", metric: 9 },
  ],
};

/** What iproute2 shows of a device after each of these states was applied to it, one after the other. */
async function shownAfter(...states: readonly LinkState[]): Promise<string> {
  const shown = await isolated(`
    import { execFileSync } from "node:child_process";
    import { BARE, planLink } from ${source("link-state.ts")};
    import { requestLinks } from ${source("kernel-requests.ts")};
    const ip = (...args) => execFileSync("ip", args, { encoding: "utf8" });
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "far");
    ip("link", "set", "far", "up");
    const index = Number.parseInt(ip("-o", "link", "show", "dev", "eth0"));
    let present = BARE;
    for (const next of ${JSON.stringify(states)}) {
      const requests = planLink(index, present, next, { mac: Buffer.from("020000000001", "hex"), mtu: 1500 });
      requestLinks(system, requests.map((each) => ({ ...each, name: "eth0" })));
      present = next;
    }
    const addresses = ip("-o", "addr", "show", "dev", "eth0", "scope", "global").replaceAll(/^\\d+: /gm, "");
    result(ip("-o", "link", "show", "dev", "eth0").replace(/^.*mtu (\\d+).*$/s, "mtu $1\\n") + addresses + ip("route")
      + ip("-6", "route", "show", "scope", "global"));
  `);
  return String(shown);
}

describe("a vNIC's state", function () {
  this.timeout(20_000);

  it("is what the kernel has, whatever it was before", async () => {
    const fresh = await shownAfter(SECOND);
    assert.match(fresh, /^mtu 1300$/m);
    assert.match(fresh, /inet 192\.0\.2\.3\/24 brd 192\.0\.2\.255/);
    assert.match(fresh, /^default via 192\.0\.2\.254 dev eth0 proto static/m);
    assert.match(fresh, /^203\.0\.113\.0\/24 via 192\.0\.2\.9/m);
    assert.match(fresh, /^default via 2001:db8::1 .*metric 9/m);
    assert.deepEqual((await shownAfter(FIRST, SECOND)).split("\n").sort(), fresh.split("\n").sort());
    assert.deepEqual(
      (await shownAfter(FIRST, { ...FIRST, isUp: false }, SECOND)).split("\n").sort(),
      fresh.split("\n").sort(),
    );
  });

  it("has the device's own MTU again when it is given none any more", async () => {
    assert.match(await shownAfter(FIRST, { ...FIRST, mtu: 0 }), /^mtu 1500$/m);
    assert.deepEqual(planLink(2, FIRST, { ...FIRST, mtu: 0 }, { mac: MAC, mtu: undefined }), []);
  });

  it("is not asked for twice", () => {
    assert.deepEqual(planLink(2, FIRST, FIRST, OWN), []);
    assert.deepEqual(planLink(2, BARE, BARE, OWN), []);
  });

  it("announces an IPv4 address that comes when the link is up", () => {
    const whats = planLink(2, FIRST, SECOND, OWN).map(({ what }) => what);
    assert.equal(whats.at(-1), "announcement of its addresses");
    assert.ok(!planLink(2, BARE, FIRST, OWN).some(({ what }) => what.startsWith("announcement")));
  });

  it("has a link-local address made of the MAC address where there is IPv6, and leases beside the rest", () => {
    const vnic = interfaceConfiguration({
      addresses: ["2001:db8::2/64"],
      gateways: ["192.0.2.1"],
      metric: 5,
    });
    const lease = {
      family: 4,
      addresses: ["192.0.2.50/24"],
      routes: [{ destination: "0.0.0.0/0", gateway: "192.0.2.1", metric: 0 }],
      nameservers: [],
      search: [],
    } as const;
    assert.deepEqual(linkStateOf(vnic, [lease], MAC), {
      isUp: true,
      mtu: 0,
      addresses: ["fe80::0:ff:fe00:1/64", "2001:db8::2/64", "192.0.2.50/24"],
      routes: [{ destination: "0.0.0.0/0", gateway: "192.0.2.1", metric: 5 }],
    });
  });
});
