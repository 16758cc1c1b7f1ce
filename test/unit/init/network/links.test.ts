import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { listLinks } from "../../../../src/init/network/links.ts";
import { encodeMessages } from "../../../../src/init/network/netlink.ts";
import { linkAnswers } from "../../../support/link-answers.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { isolated } from "../../system/linux.ts";

const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../../src/init/network/${path}`, import.meta.url)));

/** The loopback device, which is down, has always another end; a veth has one when both are up. */
const LINKS = `
  import { execFileSync } from "node:child_process";
  import { listLinks } from ${source("links.ts")};
  import { requestLinks } from ${source("kernel-requests.ts")};
  import { configureIpv4 } from ${source("route-messages.ts")};
  const ip = (...args) => execFileSync("ip", args, { encoding: "utf8" });
  ip("link", "add", "near", "address", "02:00:00:00:00:0b", "type", "veth", "peer", "name", "far", "address", "02:00:00:00:00:0c");
`;

describe("the links of a machine", () => {
  it("are told with their addresses, and whether they have another end", async function () {
    this.timeout(20_000);
    const told = await isolated(`${LINKS}
      const before = listLinks(system);
      ip("link", "set", "far", "up");
      ip("link", "set", "near", "up");
      const index = Object.fromEntries([...ip("-o", "link").matchAll(/^(\\d+): (\\w+)/gm)].map((line) =>
        [line[2], Number(line[1])]));
      result({ before, after: listLinks(system), index });
    `);
    const { before, after, index } = told as Record<"before" | "after", ReturnType<typeof listLinks>> & {
      index: Record<string, number>;
    };
    const shown = (links: typeof before): unknown =>
      Object.fromEntries(links.map(({ name, mac, hasCarrier }) => [name, `${mac} ${hasCarrier}`]));
    const rest = { lo: "00:00:00:00:00:00 true" };
    assert.deepEqual(shown(before), {
      ...rest,
      near: "02:00:00:00:00:0b false",
      far: "02:00:00:00:00:0c false",
    });
    assert.deepEqual(shown(after), {
      ...rest,
      near: "02:00:00:00:00:0b true",
      far: "02:00:00:00:00:0c true",
    });
    for (const link of after) assert.equal(link.index, index[link.name]);
  });

  it("are none where the kernel says something else", () => {
    const link = { index: 2, name: "eth0", mac: "02:00:00:00:00:01", hasCarrier: true };
    const other = encodeMessages([
      { type: 20, flags: 0, payload: Buffer.alloc(24) },
      { type: 16, flags: 0, payload: Buffer.alloc(8) },
    ]);
    const system = new RecordingSystem().answer("netlink", () => Buffer.concat([other, linkAnswers([link])]));
    assert.deepEqual(listLinks(system), [link]);
  });

  it("take IPv4 parameters, and keep those that are not named", async function () {
    this.timeout(20_000);
    const values = await isolated(`${LINKS}
      const index = listLinks(system).find(({ name }) => name === "near").index;
      const read = () => ["arp_notify", "arp_ignore", "arp_announce"].map((name) =>
        Number(fs.readFileSync("/proc/sys/net/ipv4/conf/near/" + name, "utf8")));
      const request = (message) => requestLinks(system, [{ name: "near", what: "parameters", message, tolerates: [] }]);
      request(configureIpv4(index, { arp_notify: 1 }));
      const first = read();
      request(configureIpv4(index, { arp_ignore: 1, arp_announce: 2 }));
      result([first, read()]);
    `);
    assert.deepEqual(values, [
      [1, 0, 0],
      [1, 1, 2],
    ]);
  });
});
