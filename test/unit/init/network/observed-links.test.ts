import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Link } from "../../../../src/init/network/links.ts";
import { awaitLinks, carries, withoutCarrier } from "../../../../src/init/network/observed-links.ts";
import type { UeventEvents } from "../../../../src/system/system.ts";
import { interfaceConfiguration } from "../../../support/interface-configuration.ts";
import { linkAnswers } from "../../../support/link-answers.ts";
import { RecordingSystem } from "../../../support/recording-system.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** Longer than any test runs. */
const NEVER_MS = 3_600_000;

describe("a link that is up", () => {
  const folder = useTemporaryFolder();
  let system: RecordingSystem;
  let kernel: UeventEvents | undefined;
  let watches: number;

  const setState = (name: string, state: string): void => {
    mkdirSync(join(folder.path, "class/net", name), { recursive: true });
    writeFileSync(join(folder.path, "class/net", name, "operstate"), `${state}\n`);
  };
  const wait = (names: string[], limitMs: number): Promise<string[]> =>
    awaitLinks(system, names, limitMs, folder.path);

  beforeEach(() => {
    watches = 0;
    kernel = undefined;
    system = new RecordingSystem().answer("watchNetwork", (events) => {
      kernel = events;
      watches += 1;
      return {
        close: async () => {
          watches -= 1;
        },
      };
    });
  });

  it("is waited for until its card has found the other end", async () => {
    setState("eth0", "down");
    setState("eth1", "up");
    const waiting = wait(["eth0", "eth1"], NEVER_MS);
    let isOver = false;
    void waiting.then(() => (isOver = true));
    // Something else has changed.
    kernel?.onMessage("");
    await Promise.resolve();
    assert.equal(isOver, false);
    setState("eth0", "up");
    kernel?.onMessage("");
    assert.deepEqual(await waiting, []);
    assert.equal(watches, 0);
  });

  it("is not waited for when it is there, or when its driver cannot tell", async () => {
    setState("eth0", "up");
    setState("eth1", "unknown");
    assert.deepEqual(await wait(["eth0", "eth1"], NEVER_MS), []);
    assert.equal(kernel, undefined);
  });

  it("is given up when nothing is plugged in", async () => {
    setState("eth0", "lowerlayerdown");
    setState("eth1", "up");
    setState("eth2", "down");
    assert.deepEqual(await wait(["eth0", "eth1", "eth2"], 1), ["eth0", "eth2"]);
    assert.equal(watches, 0);
  });

  it("is not looked at any more when the waiting is over", async () => {
    setState("eth0", "down");
    const waiting = wait(["eth0"], NEVER_MS);
    setState("eth0", "up");
    kernel?.onMessage("");
    await waiting;
    rmSync(join(folder.path, "class/net/eth0/operstate"));
    mkdirSync(join(folder.path, "class/net/eth0/operstate"));
    // It cannot be read: whoever looks fails.
    kernel?.onMessage("");
  });

  it("carries nothing when it is unplugged meanwhile", async () => {
    setState("eth0", "down");
    const waiting = wait(["eth0"], 20);
    rmSync(join(folder.path, "class/net/eth0"), { recursive: true });
    kernel?.onMessage("");
    assert.deepEqual(await waiting, ["eth0"]);
  });

  it("ends the waiting with what fails", async () => {
    setState("eth0", "down");
    const waiting = wait(["eth0"], NEVER_MS);
    rmSync(join(folder.path, "class/net/eth0/operstate"));
    mkdirSync(join(folder.path, "class/net/eth0/operstate"));
    kernel?.onMessage("");
    await assert.rejects(waiting, { code: "EISDIR" });
    assert.equal(watches, 0);
  });

  it("is told apart by its state", () => {
    const states = ["up", "unknown", "down", "dormant", "lowerlayerdown", "testing", "notpresent"];
    for (const state of states) setState(state, state);
    assert.deepEqual(
      states.filter((state) => carries(folder.path, state)),
      ["up", "unknown"],
    );
  });
});

describe("a link that is brought up", () => {
  const eth0 = interfaceConfiguration({ name: "eth0" });
  const eth1 = interfaceConfiguration({ name: "eth1" });
  const withIpv6 = interfaceConfiguration({ name: "eth2", addresses: ["2001:db8::2/64"] });
  const link = (name: string, hasCarrier: boolean): Link => ({
    ...{ index: Number(name.at(-1)) + 2, name, mac: "02:00:00:00:00:01", hasCarrier },
  });
  const slow = (found: readonly Link[], now: readonly Link[]): string[] => {
    const system = new RecordingSystem().answer("netlink", () => linkAnswers(now));
    const links = new Map(found.map((each) => [each.name, each]));
    const raised = [eth0, eth1, withIpv6].filter(({ name }) => links.has(name));
    return withoutCarrier(system, raised, links).map(({ name }) => name);
  };

  it("is ready at once when its card had found the other end before, but for IPv6", () => {
    assert.deepEqual(slow([link("eth0", true), link("eth1", true), link("eth2", true)], []), ["eth2"]);
  });

  it("is ready when its card has found it since it was looked for", () => {
    const found = [link("eth0", false), link("eth1", false), link("eth2", true)];
    assert.deepEqual(slow(found, [link("eth0", true), link("eth1", false), link("eth2", true)]), [
      "eth1",
      "eth2",
    ]);
  });

  it("is waited for when it has gone meanwhile", () => {
    assert.deepEqual(slow([link("eth0", false)], []), ["eth0"]);
  });
});
