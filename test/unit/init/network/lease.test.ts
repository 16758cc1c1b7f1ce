import assert from "node:assert/strict";
import fc from "fast-check";
import { parseLease } from "../../../../src/init/network/lease.ts";
import { parseIpPrefix } from "../../../../src/protocol/ip-address.ts";

const ASKED = {
  method: "dhcp",
  isRequired: true,
  timeoutMs: 1000,
  hostname: "box",
  ignoresDns: false,
  ignoresRoutes: false,
} as const;

const told = (variables: Readonly<Record<string, string>>): string =>
  Object.entries(variables)
    .map(([key, value]) => `${key}=${value}\0`)
    .join("");

const BOUND = {
  reason: "BOUND",
  new_ip_address: "192.0.2.50",
  new_subnet_cidr: "24",
  new_routers: "192.0.2.1 192.0.2.2",
  new_domain_name_servers: "192.0.2.53 2001:db8::53",
  new_domain_name: "example.org",
};

describe("what a DHCP server has given", () => {
  it("is an address with what is beside it", () => {
    assert.deepEqual(parseLease(told(BOUND), 4, ASKED), {
      family: 4,
      addresses: ["192.0.2.50/24"],
      routes: [{ destination: "0.0.0.0/0", gateway: "192.0.2.1", metric: 0 }],
      nameservers: ["192.0.2.53", "2001:db8::53"],
      search: ["example.org"],
    });
  });

  it("has classless routes in place of routers, on the link where there is none (RFC 3442)", () => {
    const routes = { new_classless_static_routes: "198.51.100.0/24 192.0.2.9 203.0.113.0/24 0.0.0.0" };
    assert.deepEqual(parseLease(told({ ...BOUND, ...routes }), 4, ASKED)?.routes, [
      { destination: "198.51.100.0/24", gateway: "192.0.2.9", metric: 0 },
      { destination: "203.0.113.0/24", gateway: "", metric: 0 },
    ]);
  });

  it("is an address alone when the rest is not wanted, or not there", () => {
    const bare = {
      family: 4,
      addresses: ["192.0.2.50/24"],
      routes: [],
      nameservers: [],
      search: [],
    } as const;
    const ignoring = { ...ASKED, ignoresDns: true, ignoresRoutes: true };
    assert.deepEqual(parseLease(told(BOUND), 4, ignoring), bare);
    const { reason, new_ip_address, new_subnet_cidr } = BOUND;
    assert.deepEqual(parseLease(told({ reason, new_ip_address, new_subnet_cidr }), 4, ASKED), bare);
  });

  it("is nothing any more when it was given back or is over", () => {
    for (const reason of ["EXPIRE", "RELEASE", "STOP", "NAK", "FAIL", ""])
      assert.equal(parseLease(told({ ...BOUND, reason }), 4, ASKED), undefined);
  });

  it("is of one kind of address for IPv6", () => {
    const variables = {
      reason: "BOUND6",
      new_dhcp6_ia_na1_ia_addr1: "2001:db8::50",
      new_dhcp6_name_servers: "2001:db8::53",
    };
    assert.deepEqual(parseLease(told(variables), 6, ASKED), {
      family: 6,
      addresses: ["2001:db8::50/128"],
      routes: [],
      nameservers: ["2001:db8::53"],
      search: [],
    });
  });

  it("holds nothing that is not well-formed, whatever the server says", () => {
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom("192.0.2.1", "0.0.0.0/0", "192.0.2.1 x", "a b\nnameserver 6.6.6.6", "::1%lo", "-x.org"),
    );
    const names = [...Object.keys(BOUND), "new_classless_static_routes", "new_domain_search"].slice(1);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...names), value)), (pairs) => {
        const lease = parseLease(told({ ...BOUND, ...Object.fromEntries(pairs) }), 4, ASKED);
        for (const text of lease?.addresses ?? []) assert.ok(parseIpPrefix(text) !== undefined);
        for (const { destination } of lease?.routes ?? [])
          assert.ok(parseIpPrefix(destination) !== undefined);
        for (const text of [...(lease?.nameservers ?? []), ...(lease?.search ?? [])])
          assert.match(text, /^[\w.:-]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});
