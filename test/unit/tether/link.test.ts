import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Duplex, PassThrough } from "node:stream";
import { SystemCallError } from "../../../src/system/system-call-error.ts";
import type { Bridge } from "../../../src/system/system.ts";
import { openLink } from "../../../src/tether/link.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("the guest's end of the link", () => {
  const folder = useTemporaryFolder();
  let system: RecordingSystem;
  let closed: string[];
  let reported: string[];
  let accepted: number;
  beforeEach(() => {
    closed = [];
    reported = [];
    accepted = 0;
    system = new RecordingSystem();
    system.answer("bridgeDevice", (path) => bridge(path));
    system.answer("watchUevents", () => bridge("uevents"));
  });

  const bridge = (name: string): Bridge => ({
    close: () => {
      closed.push(name);
      return Promise.resolve();
    },
  });
  const plug = (port: string, name: string | undefined): void => {
    mkdirSync(join(folder.path, port));
    if (name !== undefined) writeFileSync(join(folder.path, port, "name"), `${name}\n`);
  };
  const unplug = (port: string): void => rmSync(join(folder.path, port), { recursive: true });
  const open = (isInterrupted = false): Bridge =>
    openLink(system, () => (accepted += 1), {
      report: (error) => reported.push(error.message),
      isInterrupted,
      folder: folder.path,
    });
  const devices = (): string[] => system.argumentsOf("bridgeDevice").map(([path]) => path);
  const events = (device: string) => {
    const found = system.argumentsOf("bridgeDevice").findLast(([path]) => path === device);
    assert(found !== undefined);
    return found[1];
  };
  const fail = (device: string, code: string): void =>
    events(device).onError(new SystemCallError(code, -1, "read", code, device));
  const settled = (): Promise<void> => new Promise(setImmediate);
  const say = (message: string): void => system.argumentsOf("watchUevents")[0]?.[0].onMessage(message);
  const change = (subsystem = "virtio-ports"): void =>
    say(["change@/devices/x", "ACTION=change", `SUBSYSTEM=${subsystem}`, "SEQNUM=1"].join("\0"));

  it("is the port of its name, and every further one that is there", () => {
    plug("vport1p1", "tether.link");
    plug("vport1p2", "tether.log");
    plug("vport1p3", "tether.link.a");
    plug("vport1p4", undefined);
    open();
    assert.deepEqual(devices(), ["/dev/vport1p1", "/dev/vport1p3"]);
    events("/dev/vport1p1").onConnection(5);
    events("/dev/vport1p3").onConnection(6);
    assert.equal(accepted, 2);
  });

  it("takes a port that is plugged later, once it has its name", () => {
    plug("vport1p1", "tether.link");
    open();
    plug("vport1p3", undefined);
    change();
    assert.deepEqual(devices(), ["/dev/vport1p1"]);
    writeFileSync(join(folder.path, "vport1p3/name"), "tether.link.b");
    change("block");
    assert.deepEqual(devices(), ["/dev/vport1p1"]);
    change();
    change();
    assert.deepEqual(devices(), ["/dev/vport1p1", "/dev/vport1p3"]);
  });

  it("looks for itself when messages were lost", () => {
    plug("vport1p1", "tether.link");
    open();
    plug("vport1p3", "tether.link.b");
    say("");
    assert.deepEqual(devices(), ["/dev/vport1p1", "/dev/vport1p3"]);
  });

  it("closes a port whose connection has ended, once and for all", async () => {
    plug("vport1p1", "tether.link");
    plug("vport1p3", "tether.link.a");
    const sockets: Duplex[] = [];
    system.answer("adoptStream", () => {
      const socket = new PassThrough();
      sockets.push(socket);
      return socket;
    });
    open();
    for (const device of devices()) events(device).onConnection(7);
    for (const socket of sockets) socket.destroy();
    await settled();
    change();
    assert.deepEqual([devices(), closed], [["/dev/vport1p1", "/dev/vport1p3"], ["/dev/vport1p3"]]);
  });

  it("lets go of a port that is unplugged, and says nothing about it", async () => {
    plug("vport1p1", "tether.link");
    plug("vport1p3", "tether.link.a");
    open();
    // The device may tell it first.
    system.fail("bridgeDevice", "ENXIO");
    fail("/dev/vport1p3", "ENODEV");
    await settled();
    unplug("vport1p3");
    change();
    assert.deepEqual([closed, reported], [["/dev/vport1p3"], []]);
  });

  it("tells a port from a later one in its place", () => {
    plug("vport1p1", "tether.link");
    plug("vport1p3", "tether.link.a");
    open();
    // Made before the other goes, or this file system gives it the same number.
    plug("next", "tether.link.b");
    unplug("vport1p3");
    renameSync(join(folder.path, "next"), join(folder.path, "vport1p3"));
    change();
    assert.deepEqual(devices(), ["/dev/vport1p1", "/dev/vport1p3", "/dev/vport1p3"]);
    assert.deepEqual(closed, ["/dev/vport1p3"]);
  });

  it("knows whose device it has opened when one took the other's place this moment", async () => {
    plug("vport1p1", "tether.link");
    open();
    plug("vport1p3", "tether.link.a");
    plug("next", undefined);
    system.answer("bridgeDevice", (path) => {
      unplug("vport1p3");
      // It has no name yet.
      renameSync(join(folder.path, "next"), join(folder.path, "vport1p3"));
      return bridge(path);
    });
    change();
    system.answer("bridgeDevice", (path) => bridge(path));
    writeFileSync(join(folder.path, "vport1p3/name"), "tether.link.b");
    change();
    assert.deepEqual([devices(), closed], [["/dev/vport1p1", "/dev/vport1p3"], []]);
    // It was the first one after all.
    fail("/dev/vport1p3", "ENODEV");
    await settled();
    assert.deepEqual(
      [devices(), closed, reported],
      [["/dev/vport1p1", "/dev/vport1p3", "/dev/vport1p3"], ["/dev/vport1p3"], []],
    );
  });

  it("comes back to a port that was still taken", async () => {
    plug("vport1p1", "tether.link");
    plug("vport1p3", "tether.link.a");
    open();
    plug("next", "tether.link.b");
    unplug("vport1p3");
    renameSync(join(folder.path, "next"), join(folder.path, "vport1p3"));
    system.fail("bridgeDevice", "EBUSY", () => closed.length === 1 && devices().length === 3);
    change();
    await settled();
    assert.deepEqual(devices().length, 4);
    assert.deepEqual(reported, []);
  });

  it("survives a port that goes before it can be opened, and tells of one that fails", () => {
    plug("vport1p1", "tether.link");
    system.fail("bridgeDevice", "ENXIO", (path) => path === "/dev/vport1p3");
    system.fail("bridgeDevice", "EMFILE", (path) => path === "/dev/vport1p4");
    plug("vport1p3", "tether.link.a");
    plug("vport1p4", "tether.link.b");
    plug("vport1p5", "tether.link.c");
    open();
    assert.equal(devices().includes("/dev/vport1p5"), true);
    assert.equal(reported.length, 1);
    assert.match(reported[0] ?? "", /EMFILE/);
  });

  it("tells of the main port's failure, and of a watch that failed", () => {
    plug("vport1p1", "tether.link");
    open();
    events("/dev/vport1p1").onError(new Error("main"));
    system.argumentsOf("watchUevents")[0]?.[0].onError(new Error("watch"));
    assert.deepEqual(reported, ["main", "watch"]);
  });

  it("closes everything", async () => {
    plug("vport1p1", "tether.link");
    plug("vport1p3", "tether.link.a");
    await open().close();
    assert.deepEqual(closed.toSorted(), ["/dev/vport1p1", "/dev/vport1p3", "uevents"]);
  });

  it("is the serial line alone where there is no port", () => {
    plug("vport1p3", "tether.link.a");
    open();
    assert.deepEqual(devices(), ["/dev/ttyS1"]);
    assert.equal(system.argumentsOf("watchUevents").length, 0);
  });

  it("names the device that cannot be opened", () => {
    plug("vport1p1", "tether.link");
    system.fail("bridgeDevice", "EBUSY");
    assert.throws(open, catalogueError("guest-initialisation", /^opening the link \/dev\/vport1p1: /));
  });
});
