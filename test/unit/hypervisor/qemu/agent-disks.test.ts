import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { plugAgentDisk, removeAgentDisks } from "../../../../src/hypervisor/qemu/agent-disks.ts";
import { AGENT_SLOT_DEVICES } from "../../../../src/hypervisor/qemu/agent-slots.ts";
import { visitQmp } from "../../../../src/hypervisor/qemu/qmp-visit.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

/** In QEMU's list of block nodes. */
interface Node {
  readonly "node-name": string;
  readonly ro: boolean;
}

describe("a disk with another agent", function () {
  this.timeout(20_000);
  const folder = useTemporaryFolder();
  let qemu: ChildProcess | undefined;
  let starter: Server;
  let image: string;

  /** A machine that never runs: nothing can be unplugged in it that its guest would have to let go of. */
  const start = async (devices: readonly string[]): Promise<void> => {
    starter = createServer().listen(join(folder.path, "start.sock"));
    await once(starter, "listening");
    const ready = once(starter, "connection");
    qemu = spawn(
      "qemu-system-x86_64",
      [
        ...["-machine", "q35", "-S", "-nodefaults", "-display", "none"],
        ...devices.flatMap((device) => ["-device", device]),
        ...["-qmp", "unix:qmp.sock,server=on,wait=off", "-qmp", "unix:start.sock"],
      ],
      { cwd: folder.path, stdio: "ignore" },
    );
    const [socket] = (await ready) as [Socket];
    socket.on("error", () => {});
  };

  beforeEach(() => {
    image = join(folder.path, "agent.erofs");
    writeFileSync(image, Buffer.alloc(65536));
  });

  afterEach(async () => {
    if (qemu === undefined) return;
    const exited = once(qemu, "exit");
    qemu.kill("SIGKILL");
    await exited;
    starter.close();
    qemu = undefined;
  });

  const nodes = async (): Promise<Node[]> =>
    (await visitQmp(folder.path, (qmp) => qmp.execute("query-named-block-nodes", { flat: true }))) as Node[];

  it("is plugged read-only, by a serial number that tells its slot", async () => {
    await start(AGENT_SLOT_DEVICES.virtio);
    const first = await plugAgentDisk(folder.path, "virtio", image, undefined);
    assert.match(first, /^agent-0-[0-9a-f]{10}$/);
    const second = await plugAgentDisk(folder.path, "virtio", image, first);
    assert.match(second, /^agent-1-[0-9a-f]{10}$/);
    const present = await nodes();
    assert.equal(present.length, 4);
    assert(present.every(({ ro }) => ro));
    for (const name of [first, second]) assert(present.some((node) => node["node-name"] === name));
  });

  it("goes to the bus that the vmware hardware has", async () => {
    await start(["pvscsi,id=scsi", ...AGENT_SLOT_DEVICES.vmware]);
    assert.match(await plugAgentDisk(folder.path, "vmware", image, undefined), /^agent-0-/);
  });

  it("cannot be plugged into a machine without slots, and leaves nothing there", async () => {
    await start([]);
    await assert.rejects(
      plugAgentDisk(folder.path, "virtio", image, undefined),
      catalogueError("upgrade-failed", /started by an earlier version of vch.*: restart it$/),
    );
    assert.deepEqual(await nodes(), []);
  });

  it("that was prepared and not plugged, by who was killed meanwhile, is cleared; nothing else is", async () => {
    await start(AGENT_SLOT_DEVICES.virtio);
    const names = ["agent-0-0123456789", "agent", "agent-2-0123456789"];
    await visitQmp(folder.path, async (qmp) => {
      for (const name of names) await qmp.execute("blockdev-add", { driver: "null-co", "node-name": name });
    });
    await removeAgentDisks(folder.path, undefined);
    assert.deepEqual((await nodes()).map((node) => node["node-name"]).sort(), names.slice(1).sort());
  });

  it("is refused by QEMU when there is no such image, and leaves nothing", async () => {
    await start(AGENT_SLOT_DEVICES.virtio);
    await assert.rejects(
      plugAgentDisk(folder.path, "virtio", join(folder.path, "none"), undefined),
      catalogueError("hypervisor-failed", /No such file/),
    );
    assert.deepEqual(await nodes(), []);
  });
});
