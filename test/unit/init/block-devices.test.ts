import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DeviceFolders, findDiskByLabel } from "../../../src/init/block-devices.ts";
import { readSuperblock } from "../../../src/init/superblock.ts";
import { catalogueError } from "../../support/catalogue-error.ts";
import { writeExtImage } from "../../support/ext-image.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

const LONG_MS = 10_000;

describe("the label of a file system", () => {
  const folder = useTemporaryFolder();
  const image = (): string => join(folder.path, "image");

  it("is the one that mke2fs wrote", () => {
    writeFileSync(image(), "");
    truncateSync(image(), 1024 * 1024);
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-L", "containerfs", image()]);
    assert.equal(readSuperblock(image())?.label, "containerfs");
  });

  it("may fill its whole field, or be empty", () => {
    for (const label of ["0123456789abcdef", "", "ä"]) {
      writeExtImage(image(), label);
      assert.equal(readSuperblock(image())?.label, label);
    }
  });

  it("is nothing on what is no ext file system, or too short for one", () => {
    for (const content of [Buffer.alloc(0), Buffer.alloc(1100), Buffer.alloc(4096, 0xff)]) {
      writeFileSync(image(), content);
      assert.equal(readSuperblock(image())?.label, undefined);
    }
  });
});

describe("looking for the layer disk", () => {
  const folder = useTemporaryFolder();
  let folders: DeviceFolders;
  beforeEach(() => {
    folders = { devices: join(folder.path, "dev"), blockClass: join(folder.path, "block") };
    for (const path of Object.values(folders)) mkdirSync(path);
  });

  const list = (name: string): void => mkdirSync(join(folders.blockClass, name));
  const disk = (name: string, label: string): string => {
    list(name);
    const path = join(folders.devices, name);
    // Complete from the first moment on, as a device node is.
    writeExtImage(join(folder.path, "made"), label);
    renameSync(join(folder.path, "made"), path);
    return path;
  };

  it("takes the one that the hypervisor has marked, though a container has given its label to a volume", async () => {
    disk("sda", "containerfs");
    const path = disk("vdb", "containerfs");
    writeFileSync(join(folders.blockClass, "vdb/serial"), "containerfs");
    disk("vdc", "containerfs");
    assert.equal(await findDiskByLabel("containerfs", LONG_MS, folders), path);
  });

  it("finds it at once on whatever bus it is", async () => {
    disk("vda", "agent");
    for (const name of ["vdb", "sda", "nvme0n1p2"]) {
      const path = disk(name, "containerfs");
      assert.equal(await findDiskByLabel("containerfs", LONG_MS, folders), path);
      rmSync(path);
    }
  });

  it("finds it when it appears later", async () => {
    disk("vda", "agent");
    const finding = findDiskByLabel("containerfs", LONG_MS, folders);
    disk("sdb", "other");
    const path = disk("sda", "containerfs");
    assert.equal(await finding, path);
  });

  it("does not mistake a loop or RAM disk for it, nor a device that has only part of the label", async () => {
    for (const name of ["loop0", "ram0", "zram1"]) disk(name, "containerfs");
    disk("vda", "containerfs2");
    disk("vdb", "container");
    await assert.rejects(findDiskByLabel("containerfs", 1, folders), catalogueError("guest-initialisation"));
  });

  it("gives up after its limit and says what it has seen instead", async () => {
    disk("vda", "rootfs");
    list("sr0");
    writeFileSync(join(folders.devices, "vdb"), "not a file system");
    list("vdb");
    list("vdc");
    symlinkSync("nowhere", join(folders.devices, "vdc"));
    await assert.rejects(
      findDiskByLabel("containerfs", 5, folders),
      catalogueError(
        "guest-initialisation",
        /^no disk with the label "containerfs" after 0\.005 s: found sr0, vda \(label "rootfs"\), vdb, vdc$/,
      ),
    );
  });

  it("says when there is no disk at all", async () => {
    await assert.rejects(
      findDiskByLabel("containerfs", 1, folders),
      catalogueError("guest-initialisation", /: the VM has no disk$/),
    );
  });

  it("has stopped watching when it is over", async () => {
    disk("vda", "containerfs");
    const count = (): number =>
      process.getActiveResourcesInfo().filter((name) => name.startsWith("FSEvent")).length;
    const before = count();
    await findDiskByLabel("containerfs", LONG_MS, folders);
    const later = findDiskByLabel("later", LONG_MS, folders);
    disk("vdb", "later");
    await later;
    await assert.rejects(findDiskByLabel("never", 1, folders));
    // Handles are closed behind the immediates of a turn.
    for (let turns = 0; turns < 2; turns++) await new Promise(setImmediate);
    assert.equal(count(), before);
  });
});
