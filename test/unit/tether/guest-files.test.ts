import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeLogRecord } from "../../../src/protocol/control-messages.ts";
import { DelimitedDecoder } from "../../../src/protocol/length-delimited.ts";
import { Assets } from "../../../src/tether/assets.ts";
import { EventLog } from "../../../src/tether/event-log.ts";
import { LogPort } from "../../../src/tether/log-port.ts";
import { Stages } from "../../../src/tether/stages.ts";
import { findVirtioPort } from "../../../src/tether/virtio-ports.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

describe("a virtio-serial port", () => {
  const folder = useTemporaryFolder();

  it("is found by the name that the host gave it", () => {
    for (const [port, name] of [
      ["vport0p1", "tether.link\n"],
      ["vport1p2", "tether.log\n"],
    ] as const) {
      mkdirSync(join(folder.path, port));
      writeFileSync(join(folder.path, port, "name"), name);
    }
    mkdirSync(join(folder.path, "vport0p0"));
    assert.equal(findVirtioPort("tether.log", folder.path), "/dev/vport1p2");
    assert.equal(findVirtioPort("tether.link", folder.path), "/dev/vport0p1");
    assert.equal(findVirtioPort("tether", folder.path), undefined);
  });

  it("is not found where there is no such driver", () => {
    assert.equal(findVirtioPort("tether.log", join(folder.path, "none")), undefined);
  });
});

describe("the log port", () => {
  const folder = useTemporaryFolder();

  it("has taken each record over when it returns", () => {
    const path = join(folder.path, "port");
    writeFileSync(path, "");
    const port = new LogPort(path);
    const events = new EventLog();
    events.subscribe((event) => port.record(event));
    events.record({ started: { pid: 9 } }, "");
    events.record({ exited: { code: 0, signal: 15, coreDumped: true } }, "");
    const records = [...new DelimitedDecoder().push(readFileSync(path))].map(decodeLogRecord);
    port.close();
    assert.equal(records[0]?.event?.started?.pid, 9);
    assert.equal(records[1]?.event?.exited?.signal, 15);
    assert.deepEqual(records[1]?.time, records[1]?.event?.time);
  });
});

describe("the agent's packed files", () => {
  const folder = useTemporaryFolder();

  it("are unpacked once each, for the agent alone", () => {
    const read: string[] = [];
    const assets = new Assets(
      (name) => {
        read.push(name);
        return new TextEncoder().encode(`content of ${name}`).buffer;
      },
      join(folder.path, "made"),
    );
    const path = assets.unpack("tether-exec");
    assert.equal(assets.unpack("tether-exec"), path);
    assert.equal(readFileSync(path, "utf8"), "content of tether-exec");
    assert.equal(statSync(path).mode & 0o777, 0o500);
    assert.equal(statSync(join(folder.path, "made")).mode & 0o777, 0o700);
    assets.unpack("pty.node");
    assert.deepEqual(read, ["tether-exec", "pty.node"]);
  });
});

describe("the start-up's stages", () => {
  const folder = useTemporaryFolder();

  it("are lines on the console and times since the kernel started", () => {
    const path = join(folder.path, "console");
    const descriptor = openSync(path, "w");
    const stages = new Stages(descriptor);
    stages.wasReached("stage 0", 1500);
    stages.reached("configured");
    stages.failed("no disk");
    closeSync(descriptor);
    assert.equal(readFileSync(path, "utf8"), "tether: configured\ntether: error: no disk\n");
    assert.deepEqual(stages.all[0], { name: "stage 0", atMs: 1500 });
    assert.ok((stages.all[1]?.atMs ?? 0) > 0);
  });

  it("go on when the console cannot be written", () => {
    const stages = new Stages(-1);
    stages.reached("configured");
    assert.equal(stages.all.length, 1);
  });
});
