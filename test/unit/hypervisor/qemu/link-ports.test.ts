import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { LinkPorts } from "../../../../src/hypervisor/qemu/link-ports.ts";
import { identifyProcess, type ProcessIdentity } from "../../../../src/hypervisor/qemu/process-identity.ts";
import { visitQmp } from "../../../../src/hypervisor/qemu/qmp-visit.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { FakeQmpServer } from "../../../support/fake-qmp-server.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("links that are plugged into a running machine", () => {
  const folder = useTemporaryFolder();
  let qemu: FakeQmpServer;
  let ports: LinkPorts;
  beforeEach(() => {
    qemu = new FakeQmpServer(folder.path);
    ports = new LinkPorts(folder.path, self());
  });
  afterEach(() => qemu.close());

  const sockets = (): string[] => readdirSync(folder.path).filter((name) => name.startsWith("link-"));

  it("are ports of their own, each behind a socket of its own", async () => {
    await Promise.all(Array.from({ length: 5 }, () => ports.connectLink()));
    assert.equal(qemu.ports.size, 5);
    assert.equal(qemu.characters.size, 5);
    for (const [id, port] of qemu.ports) {
      assert.deepEqual(port, { driver: "virtserialport", id, chardev: id, name: `tether.link.${id}` });
      assert.ok(id.startsWith(`link-${process.pid}-${self().startTime}-`));
    }
    await ports.close();
  });

  it("are plugged into a guest that is not ready, which comes to them later", async () => {
    qemu.isGuestReady = false;
    await ports.connectLink();
    await ports.close();
    assert.deepEqual([[...qemu.ports], [...qemu.characters]], [[], []]);
  });

  it("are unplugged when their sockets close, with nothing left of them", async () => {
    const [one, two] = await Promise.all([ports.connectLink(), ports.connectLink()]);
    one.destroy();
    await until(() => qemu.characters.size === 1);
    assert.equal(qemu.ports.size, 1);
    assert.equal(two.destroyed, false);
    await ports.close();
    assert.equal(two.destroyed, true);
    assert.deepEqual([[...qemu.ports], [...qemu.characters], sockets()], [[], [], []]);
  });

  it("take away what processes that have ended left, and nothing else", async () => {
    const { pid, startTime } = self();
    const alive = `link-${pid}-${startTime}-00000000`;
    await qemu.leave(alive, { withPort: true });
    const client = createConnection(join(folder.path, `${alive}.sock`));
    await once(client, "connect");
    await qemu.leave(`link-${pid}-1-00000000`, { withPort: true });
    await qemu.leave("link-4194305-1-00000000", { withPort: false });
    await qemu.leave("link-port", { withPort: false });
    // Of a machine that was killed, whose folder this one has.
    writeFileSync(join(folder.path, "link-4194305-1-11111111.sock"), "");
    await ports.connectLink();
    const left = [...qemu.characters.keys()].filter((id) => id.endsWith("00000000") || id === "link-port");
    assert.deepEqual(left, [alive, "link-port"]);
    assert.equal(qemu.ports.size, 2);
    assert.deepEqual(
      sockets().filter((name) => /-(0{8}|1{8})\.sock$/.test(name)),
      [`${alive}.sock`],
    );
    await ports.close();
    client.destroy();
  });

  it("go together when their clients leave at the same time, each once", async () => {
    const others = [new LinkPorts(folder.path, self()), new LinkPorts(folder.path, self())];
    const all = [ports, ports, ...others, ...others];
    const links = await Promise.all(all.map((each) => each.connectLink()));
    for (const link of links) link.destroy();
    await Promise.all([ports, ...others].map((each) => each.close()));
    assert.deepEqual([[...qemu.ports], [...qemu.characters], sockets()], [[], [], []]);
    const unplugged = qemu.commands.filter(({ execute }) => execute === "device_del");
    assert.equal(unplugged.length, links.length);
  });

  it("are refused when every port is taken, and leave nothing then", async () => {
    qemu.mostPorts = 2;
    const [one] = await Promise.all([ports.connectLink(), ports.connectLink()]);
    await assert.rejects(ports.connectLink(), catalogueError("too-many-clients", /links are all in use/));
    assert.deepEqual([qemu.ports.size, qemu.characters.size, sockets().length], [2, 2, 2]);
    one.destroy();
    await until(() => qemu.ports.size === 1);
    await ports.connectLink();
    await ports.close();
  });

  it("are refused while the machine still takes over a template's state", async () => {
    qemu.status = "inmigrate";
    await assert.rejects(ports.connectLink(), catalogueError("hypervisor-failed", /still being started/));
    assert.equal(
      qemu.commands.some(({ execute }) => execute === "chardev-add"),
      false,
    );
  });

  it("are refused when the machine has ended", async () => {
    await qemu.close();
    await assert.rejects(ports.connectLink(), catalogueError("hypervisor-failed"));
    qemu = new FakeQmpServer(folder.path);
  });

  it("are closed when they come too late", async () => {
    const connecting = ports.connectLink();
    await ports.close();
    assert.equal((await connecting).destroyed, true);
    assert.deepEqual([[...qemu.ports], [...qemu.characters], sockets()], [[], [], []]);
    await assert.rejects(ports.connectLink(), catalogueError("internal"));
  });

  it("end with the machine", async () => {
    const link = await ports.connectLink();
    const watch = await ports.connectWatch();
    assert.equal(qemu.ports.size, 1);
    const ended = [once(link.resume(), "close"), once(watch.resume(), "close")];
    await qemu.close();
    await Promise.all(ended);
    await ports.close();
    qemu = new FakeQmpServer(folder.path);
  });

  it("wait for their turn behind other visitors, however many there are", async () => {
    const others = Array.from({ length: 20 }, () => new LinkPorts(folder.path, self()));
    await Promise.all(others.map((each) => each.connectWatch()));
    assert.equal(qemu.characters.size, 20);
    await Promise.all(others.map((each) => each.close()));
    assert.equal(qemu.characters.size, 0);
  });
});

describe("a visit to QEMU", () => {
  const folder = useTemporaryFolder();
  let qemu: FakeQmpServer;
  beforeEach(() => (qemu = new FakeQmpServer(folder.path)));
  afterEach(() => qemu.close());

  it("does not wait for ever behind somebody who stays", async () => {
    const stays = createConnection(join(folder.path, "qmp.sock"));
    await once(stays, "data");
    const visit = visitQmp(folder.path, (qmp) => qmp.execute("query-status"), 50);
    await assert.rejects(visit, catalogueError("hypervisor-failed", /^QEMU did not answer within 0.05 s$/));
    stays.destroy();
    assert.deepEqual(await visitQmp(folder.path, (qmp) => qmp.execute("query-status")), {
      status: "running",
      running: true,
    });
  });

  it("does not wait for ever for an answer", async () => {
    qemu.ignored.add("query-status");
    const visit = visitQmp(folder.path, (qmp) => qmp.execute("query-status"), 50);
    await assert.rejects(visit, catalogueError("hypervisor-failed", /did not answer/));
    // It left: the next one is served.
    await visitQmp(folder.path, (qmp) => qmp.execute("query-chardev"));
  });

  it("tells what QEMU refused", async () => {
    const visit = visitQmp(folder.path, (qmp) => qmp.execute("device_del", { id: "x" }));
    await assert.rejects(visit, catalogueError("hypervisor-failed", /^QEMU: Device not found$/));
  });
});

function self(): ProcessIdentity {
  const identity = identifyProcess(process.pid);
  assert(identity !== undefined);
  return identity;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}
