import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attribute, encodeMessages, type NetlinkMessage } from "../../../../src/init/network/netlink.ts";
import { awaitLinks, carries, listCarriers } from "../../../../src/init/network/observed-links.ts";
import type { UeventEvents } from "../../../../src/system/system.ts";
import { nativeSystem } from "../../../support/native-system.ts";
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

describe("a link's other end", () => {
  /** An answer of the kernel's about a link (rtnetlink(7), IFLA_CARRIER). */
  const link = (index: number, carrier: Uint8Array | undefined): NetlinkMessage => {
    const header = Buffer.alloc(16);
    header.writeInt32LE(index, 4);
    const attributes = carrier === undefined ? [] : [attribute(33, carrier)];
    return { type: 16, flags: 0, payload: Buffer.concat([header, ...attributes]) };
  };
  const listed = (messages: readonly NetlinkMessage[]): number[] => {
    const system = new RecordingSystem().answer("netlink", () => encodeMessages(messages));
    return [...listCarriers(system)];
  };

  it("is told by the kernel, whether the link is up or not", () => {
    const found = Uint8Array.of(1);
    const missing = Uint8Array.of(0);
    assert.deepEqual(listed([link(2, found), link(3, missing), link(70_000, found)]), [2, 70_000]);
  });

  it("is not there where the kernel does not tell", () => {
    const short = { type: 16, flags: 0, payload: Buffer.alloc(8) };
    const other = { ...link(4, Uint8Array.of(1)), type: 20 };
    assert.deepEqual(listed([link(2, undefined), link(3, new Uint8Array()), short, other]), []);
  });

  it("is that of this machine's links", () => {
    const folder = "/sys/class/net";
    const read = (name: string, file: string): string =>
      readFileSync(join(folder, name, file), "utf8").trim();
    const up = readdirSync(folder).filter((name) => (Number(read(name, "flags")) & 1) === 1);
    const carriers = listCarriers(nativeSystem());
    assert.notEqual(up.length, 0);
    for (const name of up)
      assert.equal(carriers.has(Number(read(name, "ifindex"))), read(name, "carrier") === "1", name);
  });
});
