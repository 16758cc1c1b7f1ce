import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { MachineFolder } from "../../../../src/hypervisor/index.ts";
import {
  requireFolderServers,
  startFolderServers,
} from "../../../../src/hypervisor/qemu/host-folder-server.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

describe("the servers of folders that are shared with a container VM", () => {
  const temporary = useTemporaryFolder();
  const folder = (name: string): MachineFolder => {
    const source = join(temporary.path, name);
    mkdirSync(source, { recursive: true });
    return { tag: name, source, isFile: false, isReadOnly: false, isRecursive: true, followsMounts: false };
  };
  const machine = (): string => {
    const path = join(temporary.path, "machine".padEnd(150, "-"));
    mkdirSync(path, { recursive: true });
    return path;
  };
  const count = (): number =>
    readdirSync("/proc").filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`PWD=${machine()}`);
      } catch {
        return false;
      }
    }).length;

  it("answer, and end when nobody is connected to them any more", async () => {
    const servers = await startFolderServers([folder("one"), folder("two")], machine());
    assert.equal(servers.connections.length, 2);
    // VHOST_USER_GET_FEATURES, and its answer: header and 64 bits (docs/interop/vhost-user).
    const [connection] = servers.connections;
    assert(connection !== undefined);
    connection.write(Buffer.from("010000000100000000000000", "hex"));
    const answer = once(connection, "data") as Promise<[Buffer]>;
    connection.resume();
    assert.equal((await answer)[0].readUInt32LE(0), 1);
    assert.ok(count() >= 2);
    servers.release();
    assert.equal(await servers.failure(), undefined);
    while (count() > 0) await delay(5);
    assert.deepEqual(readdirSync(machine()), []);
  });

  it("say why they cannot serve", async () => {
    const going = folder("going");
    rmSync(going.source, { recursive: true });
    const servers = await startFolderServers([folder("one"), going], machine());
    servers.release();
    assert.match(
      (await servers.failure())?.message ?? "",
      /going cannot be shared with the container VM: .*going/,
    );
    while (count() > 0) await delay(5);
  });

  it("need root and their program, when there are folders", () => {
    const wanted = [folder("one")];
    assert.throws(
      () => requireFolderServers(wanted, { program: "/none/virtiofsd" }),
      catalogueError("tool-missing", /apt-get install qemu-system-common/),
    );
    assert.throws(
      () => requireFolderServers(wanted, { userId: 1000 }),
      catalogueError("needs-root", /one cannot be/),
    );
    requireFolderServers([], { program: "/none/virtiofsd", userId: 1000 });
  });
});
