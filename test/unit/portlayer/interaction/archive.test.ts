import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { buffer } from "node:stream/consumers";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  archiveIn,
  archiveOut,
  copyFromContainer,
  copyIn,
  type CopyOptions,
  copyOut,
  copyToContainer,
  statInContainer,
} from "../../../../src/portlayer/interaction/archive.ts";
import { unpackLocal } from "../../../../src/portlayer/interaction/archive-local.ts";
import type { GuestConnection } from "../../../../src/portlayer/interaction/index.ts";
import { toGoFileMode } from "../../../../src/protocol/archive-commands.ts";
import { catalogueError } from "../../../support/catalogue-error.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";
import { archiveOf, entry, pieces, tar } from "../../files/trees.ts";
import { FilesServer } from "../../tether/files-server.ts";

const PLAIN: CopyOptions = { keepsOwner: false, follows: false };
const MEBIBYTE = 1024 * 1024;

describe("copying between this machine and a container", function () {
  this.timeout(60_000);
  const folder = useTemporaryFolder();
  let root: string;
  let local: string;
  let server: FilesServer;
  let guest: GuestConnection;
  beforeEach(async () => {
    [root, local] = [`${folder.path}/root`, `${folder.path}/local`];
    mkdirSync(root);
    mkdirSync(local);
    server = new FilesServer(root, { uid: 1234, gid: 99 });
    guest = await server.open();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  /** A file, a folder with a file, and links to both. */
  const populate = (top: string): void => {
    writeFileSync(`${top}/file`, "file");
    mkdirSync(`${top}/folder`);
    writeFileSync(`${top}/folder/inner`, "inner");
    symlinkSync("file", `${top}/to-file`);
    symlinkSync("folder", `${top}/to-folder`);
  };
  /** What the destination has: a file and a folder to copy over. */
  const furnish = (top: string): void => {
    writeFileSync(`${top}/old`, "old");
    mkdirSync(`${top}/there`);
    symlinkSync("there", `${top}/to-there`);
    symlinkSync("old", `${top}/to-old`);
  };
  const list = (top: string, folderName = ""): string[] =>
    readdirSync(`${top}/${folderName}`, { withFileTypes: true })
      .flatMap((each) => {
        const name = `${folderName}${each.name}`;
        if (each.isSymbolicLink()) return `${name}@`;
        if (each.isDirectory()) return [`${name}/`, ...list(top, `${name}/`)];
        return `${name}=${readFileSync(`${top}/${name}`, "utf8")}`;
      })
      .toSorted();

  // What `docker cp` makes of it (docs/reference/commandline/cp.md); the destination begins with
  // old, there/, to-there -> there, to-old -> old.
  const unchanged = ["old=old", "there/", "to-old@", "to-there@"];
  const table: ReadonlyArray<
    readonly [from: string, to: string, outcome: readonly string[] | RegExp, follows?: true]
  > = [
    ["file", "new", ["new=file", ...unchanged]],
    ["file", "old", ["old=file", "there/", "to-old@", "to-there@"]],
    ["file", "to-old", ["old=file", "there/", "to-old@", "to-there@"]],
    ["file", "there", [...unchanged, "there/file=file"]],
    ["file", "there/", [...unchanged, "there/file=file"]],
    ["file", "there/.", [...unchanged, "there/file=file"]],
    ["file", "to-there", [...unchanged, "there/file=file"]],
    ["file", "none/", /no such directory/],
    ["file", "none/new", /does not exist|Could not find the file/],
    ["folder", "new", ["new/", "new/inner=inner", ...unchanged]],
    ["folder", "new/", ["new/", "new/inner=inner", ...unchanged]],
    ["folder", "there", [...unchanged, "there/folder/", "there/folder/inner=inner"]],
    ["folder/", "there", [...unchanged, "there/folder/", "there/folder/inner=inner"]],
    ["folder/.", "there", [...unchanged, "there/inner=inner"]],
    ["folder/.", "new", ["new/", "new/inner=inner", ...unchanged]],
    ["folder", "old", /cannot copy directory/],
    ["folder/.", "old", /cannot copy directory/],
    ["to-file", "new", ["new@", ...unchanged]],
    ["to-file", "new", ["new=file", ...unchanged], true],
    ["to-file", "there", [...unchanged, "there/to-file=file"], true],
    ["to-folder", "there", [...unchanged, "there/to-folder@"]],
    ["to-folder", "there", [...unchanged, "there/to-folder/", "there/to-folder/inner=inner"], true],
    ["to-folder/.", "there", [...unchanged, "there/inner=inner"]],
    ["to-folder/", "there", [...unchanged, "there/to-folder/", "there/to-folder/inner=inner"]],
    ["none", "there", /Could not find the file|no such file/],
    ["file/", "there", /not a directory/],
  ];
  for (const direction of ["into", "out of"] as const)
    for (const [from, to, outcome, follows = false] of table)
      it(`${direction} the container: ${from} to ${to}${follows ? ", following" : ""}`, async () => {
        const [source, destination] = direction === "into" ? [local, root] : [root, local];
        populate(source);
        furnish(destination);
        const options = { keepsOwner: false, follows };
        const copied =
          direction === "into"
            ? copyIn(guest, `${local}/${from}`, `/${to}`, options)
            : copyOut(guest, `/${from}`, `${local}/${to}`, options);
        if (outcome instanceof RegExp) {
          await assert.rejects(copied, outcome);
          assert.deepEqual(list(destination), unchanged.toSorted());
        } else {
          await copied;
          assert.deepEqual(list(destination), outcome.toSorted());
        }
      });

  it("keeps modes, times, holes and hard links both ways, but no set-id bits on this machine", async () => {
    mkdirSync(`${local}/d`);
    writeFileSync(`${local}/d/a`, "a");
    chmodSync(`${local}/d/a`, 0o4751);
    utimesSync(`${local}/d/a`, 1_000_000_000.25, 1_000_000_000.25);
    execFileSync("ln", [`${local}/d/a`, `${local}/d/b`]);
    writeFileSync(`${local}/d/sparse`, "x");
    truncateSync(`${local}/d/sparse`, 10 * MEBIBYTE);
    execFileSync("mkfifo", [`${local}/d/fifo`]);
    await copyIn(guest, `${local}/d`, "/", PLAIN);
    await copyOut(guest, "/d", `${local}/back`, PLAIN);
    for (const [top, mode] of [
      [`${root}/d`, 0o4751],
      [`${local}/back`, 0o751],
    ] as const) {
      const a = statSync(`${top}/a`);
      assert.deepEqual([a.mode & 0o7777, a.mtimeMs, a.nlink], [mode, 1_000_000_000_250, 2]);
      const sparse = statSync(`${top}/sparse`);
      assert.equal(sparse.size, 10 * MEBIBYTE);
      assert.ok(sparse.blocks < 100, `${sparse.blocks} blocks`);
      assert.ok(statSync(`${top}/fifo`).isFIFO());
    }
  });

  it("gives files to the container's user with -a, and as archived otherwise", async function () {
    if (process.getuid?.() !== 0) this.skip();
    writeFileSync(`${local}/f`, "");
    execFileSync("chown", ["55:66", `${local}/f`]);
    await copyIn(guest, `${local}/f`, "/plain", PLAIN);
    await copyIn(guest, `${local}/f`, "/given", { ...PLAIN, keepsOwner: true });
    assert.deepEqual([statSync(`${root}/plain`).uid, statSync(`${root}/given`).uid], [55, 1234]);
    await copyOut(guest, "/given", `${local}/mine`, PLAIN);
    await copyOut(guest, "/given", `${local}/theirs`, { ...PLAIN, keepsOwner: true });
    assert.deepEqual([statSync(`${local}/mine`).uid, statSync(`${local}/theirs`).uid], [0, 1234]);
  });

  it("takes and gives archives", async () => {
    populate(local);
    mkdirSync(`${root}/target`);
    const archive = tar(["-c", "-C", local, "."]);
    await archiveIn(guest, pieces(archive, 10_000), "/target", PLAIN);
    assert.deepEqual(list(`${root}/target`), list(local));
    const given = await buffer(await archiveOut(guest, "/target/folder", PLAIN));
    assert.equal(tar(["-t"], given).toString(), "folder/\nfolder/inner\n");
    writeFileSync(`${root}/file`, "");
    await assert.rejects(
      archiveIn(guest, pieces(archive, 10_000), "/file", PLAIN),
      catalogueError("copy-impossible", /must be a directory/),
    );
  });

  it("takes archives compressed with gzip and zstd, and says so of others", async () => {
    populate(local);
    const archive = tar(["-c", "-C", local, "folder"]);
    const options = { keepsDirectories: false, asContainerUser: false };
    for (const compress of [gzipSync, zstdCompressSync]) {
      await copyToContainer(guest, "/", pieces(compress(archive), 2), options);
      assert.deepEqual(list(root), ["folder/", "folder/inner=inner"]);
      rmSync(`${root}/folder`, { recursive: true });
      const cut = pieces(compress(archive).subarray(0, 100), 50);
      await assert.rejects(copyToContainer(guest, "/", cut, options), catalogueError("archive-invalid"));
    }
    const xz = tar(["-cJ", "-C", local, "folder"]);
    await assert.rejects(
      copyToContainer(guest, "/", pieces(xz, 100), options),
      catalogueError("archive-invalid", /compressed with xz/),
    );
  });

  it("tells what a path is, as the API's header needs it", async () => {
    populate(root);
    const file = await statInContainer(guest, "/file");
    assert.deepEqual([file.name, file.size, file.linkTarget], ["file", 4, ""]);
    assert.equal(file.modifiedNs, String(statSync(`${root}/file`, { bigint: true }).mtimeNs));
    const link = await statInContainer(guest, "to-folder");
    assert.deepEqual([link.name, link.linkTarget], ["to-folder", "/folder"]);
    assert.equal(toGoFileMode(link.mode), 2 ** 27 + 0o777);
    assert.equal(toGoFileMode((await statInContainer(guest, "/folder/.")).mode), 2 ** 31 + 0o755);
    assert.equal((await statInContainer(guest, "/")).name, "/");
    await assert.rejects(
      statInContainer(guest, "/none"),
      catalogueError("file-not-found", /^Could not find the file \/none$/),
    );
  });

  it("ends with what the guest found wrong, though more was to be sent", async () => {
    const bad = archiveOf([entry({ name: "../x" }), "x"], [entry({ name: "y" }), "y".repeat(20 * MEBIBYTE)]);
    await assert.rejects(
      copyToContainer(guest, "/", pieces(bad, 100_000), { keepsDirectories: true, asContainerUser: false }),
      catalogueError("archive-unsafe", /^\.\.\/x leads out/),
    );
    assert.deepEqual(readdirSync(root), []);
    while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("ends the guest's work when the host has had enough", async () => {
    writeFileSync(`${root}/big`, "");
    execFileSync("fallocate", ["-l", "64M", `${root}/big`]);
    const { archive } = await copyFromContainer(guest, "/big");
    for await (const _ of archive) break;
    while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("fails when the link breaks, on both sides", async () => {
    writeFileSync(`${root}/big`, "");
    execFileSync("fallocate", ["-l", "64M", `${root}/big`]);
    const { archive } = await copyFromContainer(guest, "/big");
    await assert.rejects(async () => {
      for await (const _ of archive) guest.close();
    }, catalogueError("guest-lost"));
    while (server.active > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  describe("a hostile guest", () => {
    const unpack = (archive: Buffer, name?: string): Promise<void> =>
      unpackLocal(pieces(archive, 1000), { folder: local, name }, false);
    const untouched = (): void => assert.deepEqual(readdirSync(folder.path).sort(), ["local", "root"]);

    it("writes nothing outside of the destination, nor through links that are there", async () => {
      symlinkSync("../root", `${local}/out`);
      for (const name of ["../x", "a/../../x", "out/x"])
        await assert.rejects(unpack(archiveOf([entry({ name }), "x"])), catalogueError("archive-unsafe"));
      const own = archiveOf(
        [entry({ name: "l", kind: "symlink", linkTarget: root })],
        [entry({ name: "l/x" }), "x"],
      );
      await assert.rejects(unpack(own), catalogueError("archive-unsafe"));
      await unpack(archiveOf([entry({ name: "/etc/x" })]));
      assert.deepEqual(readdirSync(root), []);
      untouched();
    });

    it("gets every name below the one that was asked for", async () => {
      await unpack(
        archiveOf(
          [entry({ name: "a/", kind: "directory", mode: 0o755 })],
          [entry({ name: "b/x" })],
          [entry({ name: "c" })],
        ),
        "new",
      ).catch(() => {});
      assert.deepEqual(readdirSync(local), ["new"]);
      rmSync(`${local}/new`, { recursive: true });
      await assert.rejects(
        unpack(archiveOf([entry({ name: "a/../../x" })]), "new"),
        catalogueError("archive-unsafe"),
      );
      untouched();
    });

    it("may give names that are no UTF-8", async () => {
      await unpack(archiveOf([entry({ name: "\xff", kind: "fifo" })], [entry({ name: "\xfe" }), "x"]));
      assert.deepEqual(readdirSync(local, "latin1").toSorted(), ["\xfe", "\xff"]);
    });

    it("makes no devices, and nobody's set-id programs", async () => {
      const device = archiveOf([entry({ name: "d", kind: "block-device", major: 8, minor: 0 })]);
      await assert.rejects(unpack(device), catalogueError("copy-impossible", /device/));
      await unpack(archiveOf([entry({ name: "s", mode: 0o6755, uid: 0 }), "x"]));
      assert.equal(statSync(`${local}/s`).mode & 0o7777, 0o755);
    });
  });
});
