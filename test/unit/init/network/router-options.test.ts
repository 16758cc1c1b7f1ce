import assert from "node:assert/strict";
import fc from "fast-check";
import { isDomainName } from "../../../../src/init/network/domain-name.ts";
import { decodeRouterOptions } from "../../../../src/init/network/router-options.ts";
import { parseIpAddress } from "../../../../src/protocol/ip-address.ts";
import { address6, labels, routerMessage, routerOption } from "../../../support/router-message.ts";

const ROUTER = address6(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const SERVERS = Buffer.concat([
  address6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x53),
  address6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x54),
]);
const DOMAINS = Buffer.concat([labels("example.org"), labels("lab.example.org")]);

describe("what a router says of DNS (RFC 8106)", () => {
  it("is name servers and domains, with how long they count", () => {
    const options = Buffer.concat([
      routerOption(25, 600, SERVERS),
      // The router's link-layer address, which is nothing to us.
      Buffer.from([1, 1, 2, 0, 0, 0, 0, 1]),
      routerOption(31, 0xffff_ffff, DOMAINS),
    ]);
    const from = { index: 2, router: "fe80::1" };
    assert.deepEqual(decodeRouterOptions(routerMessage(2, ROUTER, options)), [
      { ...from, kind: "nameserver", values: ["2001:db8::53", "2001:db8::54"], lifetimeS: 600 },
      {
        ...from,
        kind: "domain",
        values: ["example.org", "lab.example.org"],
        lifetimeS: Number.POSITIVE_INFINITY,
      },
    ]);
  });

  it("is nothing in other messages, or in those that are cut off", () => {
    const message = routerMessage(2, ROUTER, routerOption(25, 600, SERVERS));
    const other = Buffer.from(message);
    other.writeUInt16LE(16, 4);
    assert.deepEqual(decodeRouterOptions(other), []);
    const redirect = Buffer.from(message);
    redirect.writeUInt8(137, 16 + 8);
    assert.deepEqual(decodeRouterOptions(redirect), []);
    for (let length = 0; length < message.length; length += 1)
      assert.deepEqual(decodeRouterOptions(message.subarray(0, length)), [], String(length));
  });

  it("holds no name that is none", () => {
    const content = Buffer.concat([labels("ok.example"), labels("no\nnameserver 192.0.2.66"), labels("..")]);
    const [option] = decodeRouterOptions(routerMessage(2, ROUTER, routerOption(31, 1, content)));
    assert.deepEqual(option?.values, ["ok.example"]);
  });

  it("is well-formed, whatever is in an option", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(25, 31),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 400 }),
        (type, length, content) => {
          const option = routerOption(type, 5, Buffer.from(content));
          option.writeUInt8(length, 1);
          for (const { kind, values } of decodeRouterOptions(routerMessage(3, ROUTER, option)))
            for (const value of values)
              assert.ok(kind === "domain" ? isDomainName(value) : parseIpAddress(value)?.family === 6, value);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
