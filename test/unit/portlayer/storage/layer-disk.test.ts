import assert from "node:assert/strict";
import { type BigIntStats, existsSync, statSync } from "node:fs";
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  disksBelow,
  diskSizeOf,
  type Image,
  ImageStore,
  parseImageReference,
} from "../../../../src/portlayer/storage/index.ts";
import {
  checkDisk,
  debugfs,
  describeDisk,
  MountedDisk,
  type TarEntry,
  writeOciImage,
} from "../../../support/images/index.ts";

const OLD = Date.UTC(2001, 8, 9) / 1000;
/** VFS_CAP_REVISION_2 with the effective bit, cap_net_raw: what `setcap cap_net_raw+ep` writes. */
const CAP_NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");
const ODD_NAME = Buffer.from("odd/\xff\xfe", "latin1");

const lower: TarEntry[] = [
  { name: "./", mode: 0o750, uid: 5, gid: 6, mtime: OLD, xattrs: { "user.root": "yes" } },
  { name: "bin/", mode: 0o755 },
  { name: "bin/su", mode: 0o4755, data: "su" },
  { name: "bin/wall", mode: 0o2755, gid: 5, data: "wall" },
  {
    name: "bin/ping",
    mode: 0o755,
    data: "ping",
    xattrs: { "security.capability": CAP_NET_RAW, "user.note": "two\nlines" },
  },
  { name: "tmp/", mode: 0o1777 },
  { name: "old", data: "old", mtime: OLD },
  { name: "huge-owner", data: "x", uid: 4_000_000_000, gid: 4_000_000_001 },
  { name: "hard/one", data: "shared" },
  { name: "hard/two", type: "link", linkname: "hard/one" },
  { name: "links/relative", type: "symlink", linkname: "../hard/one", uid: 7, gid: 8 },
  { name: "links/outside", type: "symlink", linkname: "../../../../etc/passwd" },
  { name: "dev/", mode: 0o755 },
  { name: "dev/null", type: "character", major: 1, minor: 3, mode: 0o666 },
  { name: "dev/wide", type: "block", major: 300, minor: 70_000, mode: 0o660 },
  { name: "dev/pipe", type: "fifo", mode: 0o600 },
  { name: "/absolute", data: "absolute" },
  { name: ODD_NAME, data: "not UTF-8" },
  { name: "odd/new\nline", data: "line" },
  { name: "odd/a:b|c \\d'\"", data: "punctuation" },
  { name: `odd/${"long/".repeat(30)}end`, data: "deep" },
  { name: "empty-folder/", mode: 0o700 },
  { name: "zeros", data: Buffer.alloc(1024 * 1024) },
  ...Array.from({ length: 200 }, (_, i) => ({
    name: `many/${i}`,
    data: `${i}`,
    xattrs: { "user.number": `${i}`, "user.other": "o".repeat(300) },
  })),
];

const changes: TarEntry[] = [
  { name: "gone/.keep", data: "" },
  { name: "becomes-folder", data: "a file" },
  { name: "becomes-file/inside", data: "in a folder" },
  { name: "opaque/hidden", data: "hidden" },
  { name: "opaque/deep/hidden", data: "hidden" },
  { name: "whiteouts/deleted", data: "deleted" },
  { name: "whiteouts/deleted-folder/inside", data: "deleted" },
  { name: "cut/one", data: "cut" },
  { name: "cut/two", type: "link", linkname: "cut/one" },
  { name: "to-folder", type: "symlink", linkname: "bin" },
];

const upper: TarEntry[] = [
  { name: "becomes-folder/", mode: 0o711 },
  { name: "becomes-folder/inside", data: "now" },
  { name: "becomes-file", data: "a file now" },
  { name: "opaque/new", data: "new" },
  { name: "opaque/.wh..wh..opq", data: "" },
  { name: "whiteouts/.wh.deleted", data: "" },
  { name: "whiteouts/.wh.deleted-folder", data: "" },
  { name: "whiteouts/.wh.never-was", data: "" },
  { name: "hard/three", type: "link", linkname: "hard/one" },
  { name: "cut/one", data: "rewritten" },
];

/** Names each folder before what is in it, as tar programs do: a folder that no layer names has no time of its own. */
function withFolders(entries: readonly TarEntry[]): TarEntry[] {
  const named = new Set<string>();
  return entries.flatMap((entry) => {
    const parts = entry.name.toString("latin1").split("/").slice(0, -1);
    const parents = parts.map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
    const missing = parents.filter((name) => !["/", "./", entry.name].includes(name) && !named.has(name));
    for (const name of [...missing, String(entry.name)]) named.add(name);
    return [...missing.map((name) => ({ name })), entry];
  });
}

/** Of an image in which folders have extended attributes there is one snapshot, of others one for each layer. */
const FORMS = [
  { form: "of one snapshot", snapshots: 1, hasAttributes: true },
  { form: "of a snapshot for each layer", snapshots: 3, hasAttributes: false },
];
for (const { form, snapshots, hasAttributes } of FORMS)
  describe(`the disk of an image, ${form},`, function () {
    this.timeout(60_000);
    let folder: string;
    let image: Image;
    let disk: MountedDisk;
    const look = async (name: string): Promise<BigIntStats> => lstat(disk.join(name), { bigint: true });
    const read = async (name: string) => readFile(disk.join(name), "utf8");

    before(async function () {
      if (process.geteuid?.() !== 0) this.skip(); // owners and device nodes need root, as does mounting
      folder = await mkdtemp(join(tmpdir(), "layer-disk-"));
      await writeOciImage(join(folder, "image"), {
        layers: [withFolders(lower), withFolders(changes), upper].map((layer) =>
          hasAttributes ? layer : layer.map((entry) => ({ ...entry, xattrs: {} })),
        ),
      });
      image = await new ImageStore({ root: join(folder, "store") }).acquire(
        parseImageReference(`oci:${folder}/image`),
      );
      disk = await MountedDisk.open(image.disk);
    });
    after(async () => {
      await disk?.[Symbol.asyncDispose]();
      if (folder !== undefined) await rm(folder, { recursive: true });
    });

    it("is found sound by e2fsck, and labelled containerfs", async () => {
      for (const file of disksBelow(image.disk)) await checkDisk(file);
      assert.match(await debugfs(image.disk, "stats -h"), /Filesystem volume name: +containerfs\n/);
    });

    it("has the promised size and snapshots, read-only and sparse", async () => {
      assert.equal(diskSizeOf(image.disk), 10 * 1024 ** 3);
      assert.equal(image.diskSizeBytes, diskSizeOf(image.disk));
      assert(image.usedBytes < 30 * 1024 ** 2, `${image.usedBytes} bytes on the host`);
      const files = disksBelow(image.disk);
      assert.equal(files.length, snapshots);
      for (const file of files) assert.equal(statSync(file).mode & 0o222, 0);
    });

    it("has its inode tables marked as zeroed, so that no guest writes them", async () => {
      const description = await describeDisk(image.disk);
      assert.equal(description.match(/ITABLE_ZEROED/g)?.length, description.match(/^Group \d+:/gm)?.length);
    });

    it("keeps the root folder's own owner, mode, time and attributes", async () => {
      const root = await look(".");
      assert.deepEqual(
        [root.mode & 0o7777n, root.uid, root.gid, root.mtimeMs],
        [0o750n, 5n, 6n, BigInt(OLD) * 1000n],
      );
      if (hasAttributes) assert.match(await debugfs(image.disk, "ea_get / user.root"), /"yes"/);
    });

    it("has no lost+found that the image did not have", async () => {
      assert(!existsSync(disk.join("lost+found")));
    });

    it("keeps set-user-ID, set-group-ID and sticky bits", async () => {
      assert.equal((await look("bin/su")).mode & 0o7777n, 0o4755n);
      assert.equal((await look("bin/wall")).mode & 0o7777n, 0o2755n);
      assert.equal((await look("tmp")).mode & 0o7777n, 0o1777n);
    });

    it("keeps owners, up to the largest, and of symbolic links too", async () => {
      const huge = await look("huge-owner");
      assert.deepEqual([huge.uid, huge.gid], [4_000_000_000n, 4_000_000_001n]);
      const link = await look("links/relative");
      assert.deepEqual([link.uid, link.gid], [7n, 8n]);
    });

    it("keeps modification times", async () =>
      assert.equal((await look("old")).mtimeMs, BigInt(OLD) * 1000n));

    if (hasAttributes)
      it("keeps capabilities and user attributes", async () => {
        const output = await debugfs(image.disk, "ea_list /bin/ping");
        assert.match(output, /security\.capability/);
        assert.match(output, /user\.note \(9\) = "two\\nlines"|user\.note \(9\)/);
        const value = await debugfs(image.disk, "ea_get -x /bin/ping security.capability");
        assert(value.replace(/\s/g, "").includes(CAP_NET_RAW.toString("hex")), value);
      });

    if (hasAttributes)
      it("keeps the attributes of many files apart", async () => {
        for (const number of [0, 1, 77, 199]) {
          assert.match(
            await debugfs(image.disk, `ea_get /many/${number} user.number`),
            new RegExp(`"${number}"`),
          );
        }
        assert.equal((await readdir(disk.join("many"))).length, 200);
      });

    it("keeps hard links within a layer and across layers", async () => {
      const [one, two, three] = [await look("hard/one"), await look("hard/two"), await look("hard/three")];
      assert.deepEqual([two.ino, three.ino, one.nlink], [one.ino, one.ino, 3n]);
    });

    it("parts a hard link when an upper layer rewrites one name", async () => {
      assert.deepEqual([await read("cut/one"), await read("cut/two")], ["rewritten", "cut"]);
    });

    it("keeps symbolic links as they are written", async () => {
      assert.equal(await readlink(disk.join("links/relative")), "../hard/one");
      assert.equal(await readlink(disk.join("links/outside")), "../../../../etc/passwd");
      assert.equal(await readlink(disk.join("to-folder")), "bin");
    });

    it("keeps device nodes with wide numbers, and FIFOs", async () => {
      const device = (major: bigint, minor: bigint) =>
        (minor & 0xffn) | (major << 8n) | ((minor & ~0xffn) << 12n);
      const [zero, wide] = [await look("dev/null"), await look("dev/wide")];
      assert(zero.isCharacterDevice() && wide.isBlockDevice() && (await look("dev/pipe")).isFIFO());
      assert.deepEqual([zero.rdev, wide.rdev], [device(1n, 3n), device(300n, 70_000n)]);
      assert.equal(zero.mode & 0o777n, 0o666n);
    });

    it("applies whiteouts, and keeps none", async () => {
      assert.deepEqual(await readdir(disk.join("whiteouts")), []);
      const names = await readdir(disk.path, { recursive: true });
      assert.deepEqual(
        names.filter((name) => name.includes(".wh.")),
        [],
      );
    });

    it("empties an opaque folder of what lower layers had, in whichever order the layer says it", async () => {
      assert.deepEqual(await readdir(disk.join("opaque")), ["new"]);
    });

    it("lets a folder replace a file and a file a folder", async () => {
      assert.equal((await look("becomes-folder")).mode & 0o777n, 0o711n);
      assert.deepEqual(
        [await read("becomes-folder/inside"), await read("becomes-file")],
        ["now", "a file now"],
      );
    });

    it("keeps any name", async () => {
      const names = await readdir(disk.join("odd"), { encoding: "buffer" });
      assert(names.some((name) => name.equals(ODD_NAME.subarray(4))));
      assert.equal(await read("odd/new\nline"), "line");
      assert.equal(await read("odd/a:b|c \\d'\""), "punctuation");
      assert.equal(await read(`odd/${"long/".repeat(30)}end`), "deep");
    });

    it("takes an absolute name relative to the root", async () => {
      assert.equal(await read("absolute"), "absolute");
      assert(!existsSync("/absolute"));
    });

    it("has the mount points that every container needs, though the image lacks them", async () => {
      for (const name of ["proc", "sys", "etc"]) assert((await look(name)).isDirectory(), name);
      for (const name of ["hostname", "hosts", "resolv.conf"]) {
        const file = await look(`etc/${name}`);
        assert.deepEqual([file.size, file.mode & 0o777n, file.uid], [0n, 0o644n, 0n]);
      }
      assert.equal(await readlink(disk.join("etc/mtab")), "/proc/mounts");
    });

    it("keeps empty folders, and does not spend blocks on zeros", async () => {
      assert.equal((await look("empty-folder")).mode & 0o777n, 0o700n);
      assert.equal((await look("zeros")).size, 1024n ** 2n);
    });
  });
