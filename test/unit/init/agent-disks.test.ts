import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findAgentDisk } from "../../../src/init/agent-disks.ts";
import { agentSuperblock } from "../../support/agent-superblock.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { RecordingSystem } from "../../support/recording-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const NEVER_MS = 60_000;

describe("the disk of another agent", () => {
  const folder = useTemporaryFolder();
  let tell: () => void;
  let closed: number;
  let system: RecordingSystem;

  beforeEach(() => {
    closed = 0;
    system = new RecordingSystem().answer("watchUevents", (events) => {
      tell = () => events.onMessage("add@/block");
      return { close: () => Promise.resolve(void (closed += 1)) };
    });
    for (const name of ["dev", "class"]) mkdirSync(join(folder.path, name));
  });

  const find = (serial: string, limitMs = NEVER_MS): Promise<string> =>
    findAgentDisk(system, serial, limitMs, {
      devices: join(folder.path, "dev"),
      blockClass: join(folder.path, "class"),
    });

  /** In sysfs, as virtio-blk or sd have it; its node is made apart. */
  function addDisk(name: string, serial: string, { isReadOnly = true, isScsi = false } = {}): void {
    const disk = join(folder.path, "class", name);
    mkdirSync(join(disk, "device"), { recursive: true });
    writeFileSync(join(disk, "ro"), isReadOnly ? "1\n" : "0\n");
    if (isScsi) writeFileSync(join(disk, "device/vpd_pg80"), Buffer.from(`\0\x80\0\x05${serial}`, "latin1"));
    else writeFileSync(join(disk, "serial"), serial);
  }
  const addNode = (name: string, content: Uint8Array): void =>
    writeFileSync(join(folder.path, "dev", name), content);

  it("is told by its serial number, on virtio and on SCSI", async () => {
    addDisk("vda", "");
    addDisk("vdb", "agent-0-a");
    addDisk("sda", "agent-1-b", { isScsi: true });
    for (const name of ["vda", "vdb", "sda"]) addNode(name, agentSuperblock());
    assert.equal(await find("agent-0-a"), join(folder.path, "dev/vdb"));
    assert.equal(await find("agent-1-b"), join(folder.path, "dev/sda"));
    assert.equal(closed, 2);
  });

  it("is waited for until the kernel tells of it, and it can be opened", async () => {
    const found = find("agent-0-a");
    tell();
    addDisk("vdb", "agent-0-a");
    tell();
    addNode("vdb", agentSuperblock());
    tell();
    assert.equal(await found, join(folder.path, "dev/vdb"));
  });

  it("is not waited for for ever", async () => {
    addDisk("vda", "another");
    addNode("vda", agentSuperblock());
    await assert.rejects(
      find("agent-0-a", 10),
      catalogueError("upgrade-failed", /^no disk with the serial number agent-0-a after 0.01 s$/),
    );
    assert.equal(closed, 1);
  });

  it("is refused when it can be written, whatever is on it, and when it holds no agent image", async () => {
    addDisk("vda", "agent-0-a", { isReadOnly: false });
    addNode("vda", agentSuperblock());
    await assert.rejects(
      find("agent-0-a"),
      catalogueError("upgrade-failed", /^the disk vda is not read-only: /),
    );
    addDisk("vdb", "agent-0-b");
    addNode("vdb", Buffer.alloc(4096));
    await assert.rejects(
      find("agent-0-b"),
      catalogueError("upgrade-failed", /^the disk vdb holds no agent image$/),
    );
  });
});
