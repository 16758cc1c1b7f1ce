import assert from "node:assert/strict";
import { Advertisements } from "../../../../src/init/network/advertisements.ts";
import { encodeMessages } from "../../../../src/init/network/netlink.ts";
import type { UeventEvents } from "../../../../src/system/system.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { address6, labels, routerMessage, routerOption } from "../../../support/router-message.ts";

const RDNSS = 25;
const DNSSL = 31;
const FIRST = address6(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const SECOND = address6(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const server = (last: number): Buffer => address6(0x2001, 0xdb8, 0, 0, 0, 0, 0, last);

/** RTM_NEWLINK of a device (rtnetlink(7)). */
function linkMessage(index: number): string {
  const payload = Buffer.alloc(16);
  payload.writeInt32LE(index, 4);
  return encodeMessages([{ type: 16, flags: 0, payload }]).toString("latin1");
}

describe("what routers advertise of DNS", () => {
  let kernel: UeventEvents | undefined;
  let isWatched: boolean;
  let changes: number;
  let changed: () => void;
  let asked: () => void;
  let nowMs: number;
  let reports: string[];
  const advertisements = (): Advertisements =>
    new Advertisements({
      system: new RecordingSystem()
        .answer("netlink", () => {
          asked();
          return new Uint8Array();
        })
        .answer("watchNetwork", (events) => {
          kernel = events;
          isWatched = true;
          return {
            close: async () => {
              isWatched = false;
            },
          };
        }),
      onChange: () => {
        changes += 1;
        changed();
      },
      report: (message) => reports.push(message),
      now: () => nowMs,
    });
  const say = (index: number, router: Buffer, ...options: readonly Buffer[]): void =>
    kernel?.onMessage(routerMessage(index, router, Buffer.concat(options)).toString("latin1"));

  beforeEach(() => {
    [kernel, isWatched, changes, nowMs, reports] = [undefined, false, 0, 1000, []];
    changed = () => {};
    asked = () => {};
  });

  it("is a resolver's for the link that it came by, told when it is new", () => {
    const heard = advertisements();
    heard.follow([2, 3]);
    say(2, FIRST, routerOption(RDNSS, 600, server(0x53)), routerOption(DNSSL, 600, labels("example.org")));
    say(3, FIRST, routerOption(RDNSS, 600, address6(0xfe80, 0, 0, 0, 0, 0, 0, 9)));
    say(4, FIRST, routerOption(RDNSS, 600, server(0x66)));
    assert.deepEqual(heard.resolverOf(2, "eth0"), { nameservers: ["2001:db8::53"], search: ["example.org"] });
    assert.deepEqual(heard.resolverOf(3, "eth1"), { nameservers: ["fe80::9%eth1"], search: [] });
    assert.deepEqual(heard.resolverOf(4, "eth2"), { nameservers: [], search: [] });
    assert.equal(changes, 2);
    // The same again: it counts for longer, and nothing is different.
    say(2, FIRST, routerOption(RDNSS, 900, server(0x53)));
    assert.equal(changes, 2);
    heard.close();
    assert.equal(isWatched, false);
  });

  it("is known as far as the kernel has told it, behind what it tells of the loopback", async () => {
    const heard = advertisements();
    heard.follow([2]);
    let isSettled = false;
    const told = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const settled = heard.settled().then(() => {
      isSettled = true;
    });
    await told;
    say(2, FIRST, routerOption(RDNSS, 600, server(1)));
    kernel?.onMessage(linkMessage(2));
    await new Promise(setImmediate);
    assert.equal(isSettled, false);
    kernel?.onMessage(linkMessage(1));
    await settled;
    assert.deepEqual(heard.resolverOf(2, "eth0").nameservers, ["2001:db8::1"]);
    heard.close();
    await heard.settled();
  });

  it("is over when the router takes it back, or does not say it again", async () => {
    const heard = advertisements();
    heard.follow([2]);
    say(2, FIRST, routerOption(RDNSS, 600, Buffer.concat([server(1), server(2)])));
    say(2, SECOND, routerOption(RDNSS, 1, server(3)));
    say(2, FIRST, routerOption(RDNSS, 0, server(1)));
    assert.deepEqual(heard.resolverOf(2, "eth0").nameservers, ["2001:db8::2", "2001:db8::3"]);
    const over = new Promise<void>((resolve) => {
      changed = resolve;
    });
    nowMs += 1001;
    // Whatever is said sets the timer anew.
    say(2, FIRST, routerOption(RDNSS, 600, server(2)));
    await over;
    assert.deepEqual(heard.resolverOf(2, "eth0").nameservers, ["2001:db8::2"]);
    heard.close();
  });

  it("is known to the agent that takes over, for as long as it counts", () => {
    const before = advertisements();
    before.follow([2]);
    say(2, FIRST, routerOption(RDNSS, 10, server(1)), routerOption(RDNSS, 0xffff_ffff, server(2)));
    before.close();
    nowMs += 11_000;
    const after = advertisements();
    after.resume([2], JSON.parse(JSON.stringify(before.dns)));
    assert.deepEqual(after.resolverOf(2, "eth0").nameservers, ["2001:db8::2"]);
    assert.ok(isWatched);
    after.close();
  });

  it("is forgotten with its link", () => {
    const heard = advertisements();
    heard.follow([2]);
    say(2, FIRST, routerOption(RDNSS, 600, server(1)));
    heard.follow([]);
    assert.equal(isWatched, false);
    heard.follow([2]);
    assert.deepEqual(heard.resolverOf(2, "eth0").nameservers, []);
    heard.close();
  });

  it("is no more than a resolver can use, whatever comes", () => {
    const heard = advertisements();
    heard.follow([2]);
    for (let last = 1; last <= 100; last += 1) {
      say(2, FIRST, routerOption(RDNSS, 600, server(last)));
      say(2, FIRST, routerOption(DNSSL, 600, labels(`d${last}.example`)));
    }
    const { nameservers, search } = heard.resolverOf(2, "eth0");
    assert.deepEqual([nameservers.length, search.length], [8, 16]);
    heard.close();
  });

  it("is reported when the kernel does not tell any more", () => {
    const heard = advertisements();
    heard.follow([2]);
    kernel?.onError(new Error("recvfrom: ENOMEM"));
    assert.deepEqual(reports, ["what routers advertise is not known any more: recvfrom: ENOMEM"]);
    heard.close();
  });
});
