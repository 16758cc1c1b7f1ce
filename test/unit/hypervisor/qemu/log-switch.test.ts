import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { switchLogFile } from "../../../../src/hypervisor/qemu/log-switch.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("a machine's log file", () => {
  const folder = useTemporaryFolder();
  let qemu: ChildProcess;
  let starter: Server;

  /** A QEMU without a machine has the same chardevs and speaks the same protocol. */
  beforeEach(async () => {
    starter = createServer().listen(join(folder.path, "start.sock"));
    await once(starter, "listening");
    const ready = once(starter, "connection");
    qemu = spawn(
      "qemu-system-x86_64",
      [
        ...["-machine", "none", "-nodefaults", "-display", "none"],
        ...["-chardev", "file,id=log,path=log,append=on"],
        ...["-qmp", "unix:qmp.sock,server=on,wait=off", "-qmp", "unix:start.sock"],
      ],
      { cwd: folder.path, stdio: "ignore" },
    );
    const [socket] = (await ready) as [Socket];
    socket.on("error", () => {});
  });

  afterEach(async () => {
    const exited = once(qemu, "exit");
    qemu.kill("SIGKILL");
    await exited;
    starter.close();
  });

  it("is made anew when its visitor says so", async () => {
    const second = join(folder.path, "second");
    assert.equal(await switchLogFile(folder.path, second, () => false), false);
    assert.equal(existsSync(second), false);
    assert.equal(await switchLogFile(folder.path, second, () => true), true);
    assert.equal(existsSync(second), true);
    assert.equal(await switchLogFile(folder.path, join(folder.path, "third"), () => true), true);
  });

  it("is for one visitor at a time", async () => {
    const order: string[] = [];
    const visit = async (name: string): Promise<void> => {
      await switchLogFile(folder.path, join(folder.path, name), () => {
        // Whoever was let in before has his file.
        for (const each of order) assert.equal(existsSync(join(folder.path, each)), true);
        order.push(name);
        return true;
      });
    };
    await Promise.all(["a", "b", "c", "d", "e"].map(visit));
    assert.deepEqual(order.sort(), ["a", "b", "c", "d", "e"]);
  });

  it("stays when there can be no other", async () => {
    mkdirSync(join(folder.path, "taken"));
    await assert.rejects(
      switchLogFile(folder.path, join(folder.path, "taken"), () => true),
      catalogueError("hypervisor-failed", /^QEMU: Failed to add chardev 'log': /),
    );
    await assert.rejects(
      switchLogFile(join(folder.path, "taken"), join(folder.path, "x"), () => true),
      catalogueError("hypervisor-failed", /^speaking with QEMU: /),
    );
  });
});
