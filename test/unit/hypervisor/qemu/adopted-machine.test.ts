import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type ProcessIdentity, identifyProcess, QemuDriver } from "../../../../src/hypervisor/index.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { FakeQmpServer } from "../../../support/fake-qmp-server.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("an adopted machine", () => {
  const folder = useTemporaryFolder();
  const driver = new QemuDriver();
  let child: ChildProcess;
  let identity: ProcessIdentity;
  let qemu: FakeQmpServer;
  beforeEach(async () => {
    child = spawn("sleep", ["60"], { stdio: "ignore" });
    await once(child, "spawn");
    const found = identifyProcess(child.pid ?? 0);
    assert(found !== undefined);
    identity = found;
    qemu = new FakeQmpServer(folder.path);
  });
  afterEach(async () => {
    child.kill("SIGKILL");
    await qemu.close();
  });
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await Promise.all([qemu.close(), once(child, "exit")]);
    qemu = new FakeQmpServer(folder.path);
  };

  it("is none when its process has ended, or is another's", async () => {
    const other = { pid: identity.pid, startTime: "1" };
    assert.equal(driver.adopt({ identity: other, folder: folder.path }), undefined);
    await end();
    assert.equal(driver.adopt({ identity, folder: folder.path }), undefined);
  });

  it("tells its end to everybody who waits for it, without how it came", async () => {
    const machines = Array.from({ length: 3 }, () => driver.adopt({ identity, folder: folder.path }));
    const ends = machines.map(async (machine) => machine?.ended);
    while (qemu.characters.size < 3) await new Promise(setImmediate);
    assert.equal(qemu.ports.size, 0);
    await end();
    assert.deepEqual(
      await Promise.all(ends),
      Array.from({ length: 3 }, () => ({ reason: "unobserved" })),
    );
  });

  it("tells its end though QEMU does not answer", async () => {
    await qemu.close();
    const machine = driver.adopt({ identity, folder: folder.path });
    assert(machine !== undefined);
    const { ended } = machine;
    await new Promise(setImmediate);
    qemu = new FakeQmpServer(folder.path);
    await end();
    assert.deepEqual(await ended, { reason: "unobserved" });
  });

  it("is destroyed with its process", async () => {
    const machine = driver.adopt({ identity, folder: folder.path });
    assert(machine !== undefined);
    await machine.destroy();
    assert.equal(identifyProcess(identity.pid), undefined);
    await machine.destroy();
    await assert.rejects(machine.connectLink(), catalogueError("guest-lost"));
    assert.deepEqual(await machine.ended, { reason: "unobserved" });
  });

  it("is left as it was when it is disposed of", async () => {
    {
      await using machine = driver.adopt({ identity, folder: folder.path });
      assert(machine !== undefined);
      void machine.ended;
      await machine.connectLink();
      while (qemu.characters.size < 2) await new Promise(setImmediate);
    }
    assert.deepEqual([qemu.characters.size, qemu.ports.size], [0, 0]);
    assert.notEqual(identifyProcess(identity.pid), undefined);
  });
});
