import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  encodeVolumes,
  machineFolders,
  type MountSettings,
  parseMounts,
  provideHostFolders,
  requireHostFolders,
  VolumeStore,
} from "../../../../../src/portlayer/storage/index.ts";
import { catalogueError } from "../../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

describe("the folders of this machine that a container has", () => {
  const temporary = useTemporaryFolder();
  const at = (name: string): string => join(temporary.path, name);
  const volumes = (...texts: string[]): MountSettings[] =>
    parseMounts({ volumes: texts, mounts: [], tmpfs: [] }, Number);
  const mount = (text: string): MountSettings[] =>
    parseMounts({ volumes: [], mounts: [`type=bind,dst=/x,${text}`], tmpfs: [] }, Number);

  it("are made by -v where there is nothing, and missed by --mount", () => {
    provideHostFolders(volumes(`${at("a/b")}:/x`));
    assert.ok(statSync(at("a/b")).isDirectory());
    assert.throws(
      () => requireHostFolders(mount(`src=${at("none")}`)),
      catalogueError("invalid-option", /type "bind": bind source path does not exist: .*\/none$/),
    );
    requireHostFolders(volumes(`${at("none")}:/x`));
    provideHostFolders(mount(`src=${at("none")}`));
    assert.throws(() => statSync(at("none")), { code: "ENOENT" });
    writeFileSync(at("file"), "");
    assert.throws(
      () => provideHostFolders(volumes(`${at("file/b")}:/x`)),
      catalogueError("invalid-option", /file\/b/),
    );
  });

  it("are given once for all mounts that are alike, with their links followed", () => {
    mkdirSync(at("real"));
    symlinkSync("real", at("link"));
    const mounts = volumes(
      `${at("real")}:/a`,
      `${at("link")}:/b`,
      `${at("real")}:/c:ro`,
      `${at("link")}:/d:rslave`,
    );
    const folders = machineFolders(mounts);
    assert.deepEqual(
      folders.map(({ source, isReadOnly, followsMounts }) => [source, isReadOnly, followsMounts]),
      [
        [at("real"), false, false],
        [at("real"), true, false],
        [at("real"), false, true],
      ],
    );
    const document = encodeVolumes(mounts, new VolumeStore(temporary.path));
    assert.deepEqual(
      document.map(({ name, hostFolder }) => [name, hostFolder?.tag]),
      [
        ["bind@/a", folders[0]?.tag],
        ["bind@/b", folders[0]?.tag],
        ["bind@/c", folders[1]?.tag],
        ["bind@/d", folders[2]?.tag],
      ],
    );
    for (const { tag } of folders) assert.ok(Buffer.byteLength(tag) <= 36, "virtio's limit");
  });

  it("are one file where that is named, which the guest finds alone", () => {
    writeFileSync(at("file"), "");
    const mounts = volumes(`${at("file")}:/x`);
    assert.deepEqual(
      machineFolders(mounts).map(({ isFile }) => isFile),
      [true],
    );
    const [volume] = encodeVolumes(mounts, new VolumeStore(temporary.path));
    assert.equal(Buffer.from(volume?.subPath ?? []).toString(), "file");
  });

  it("are nothing else: a socket or a device would be none in the container VM", () => {
    execFileSync("mkfifo", [at("pipe")]);
    for (const path of [at("pipe"), "/dev/null"])
      assert.throws(
        () => machineFolders(volumes(`${path}:/x`)),
        catalogueError("invalid-option", /is neither a folder nor a file/),
      );
  });
});
