import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import {
  chainIdsOf,
  compareFiles,
  createContainerDisk,
  disksBelow,
  type Image,
  ImageStore,
  listDiskFiles,
  parseImageReference,
  runTool,
  takenBytes,
  type Tool,
} from "../../../../src/portlayer/storage/index.ts";
import {
  checkDisk,
  debugfs,
  type ImageContent,
  makeTar,
  MountedDisk,
  type TarEntry,
  writeOciImage,
} from "../../../support/images/index.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const BASE = [{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }];
const ONE: ImageContent = { layers: [BASE, [{ name: "one", data: "1" }]], config: { Cmd: ["one"] } };
const TWO: ImageContent = { layers: [BASE, [{ name: "two", data: "2" }]], config: { Cmd: ["two"] } };

describe("the snapshots of images", function () {
  this.timeout(120_000);
  const folder = useTemporaryFolder();
  let store: ImageStore;
  let root: string;
  let tools: Tool[];
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  beforeEach(() => {
    root = join(folder.path, "store");
    tools = [];
    store = new ImageStore({
      root,
      run: (tool, args, options) => {
        tools.push(tool);
        return runTool(tool, args, options);
      },
    });
  });

  async function acquire(name: string, content: ImageContent): Promise<Image> {
    await writeOciImage(join(folder.path, name), content);
    return store.acquire(parseImageReference(`oci:${folder.path}/${name}:latest`));
  }
  /** The snapshots' files, the lowest first. */
  const snapshotsOf = ({ disk }: Image): string[] => disksBelow(disk).reverse();
  const inodes = (image: Image): number[] => snapshotsOf(image).map((file) => statSync(file).ino);
  async function listFiles(disk: string) {
    const files = [];
    for await (const file of listDiskFiles(disk)) files.push(file);
    return files;
  }
  async function read(image: Image, name: string): Promise<string> {
    await using disk = await MountedDisk.open(image.disk);
    return readFileSync(disk.join(name), "utf8");
  }

  it("are one for each layer, by its chain id, each over the one below", async () => {
    const image = await acquire("one", ONE);
    const ids = chainIdsOf(image.layers.map(({ diffId }) => diffId));
    assert.deepEqual(
      snapshotsOf(image).map((file) => basename(file, ".qcow2")),
      ids.map((id) => id.replace(":", "-")),
    );
    for (const file of snapshotsOf(image)) {
      execFileSync("qemu-img", ["check", "-q", file]);
      await checkDisk(file);
    }
    assert.ok(!(await listFiles(snapshotsOf(image)[0] ?? "")).some(([path]) => path === "/one"));
  });

  it("are there once, whichever images have them, and go with the last one", async () => {
    const [one, two] = [await acquire("one", ONE), await acquire("two", TWO)];
    assert.equal(inodes(one)[0], inodes(two)[0]);
    assert.notEqual(inodes(one)[1], inodes(two)[1]);
    const lowest = snapshotsOf(two)[0] ?? "";
    assert.equal(statSync(lowest).nlink, 2);
    await store.remove(one, () => false);
    assert.equal(statSync(lowest).nlink, 1);
    assert.deepEqual([await read(two, "bin/sh"), await read(two, "two")], ["shell", "2"]);
    await store.remove(two, () => false);
    assert.deepEqual(readdirSync(root), ["tmp"]);
    assert.deepEqual(readdirSync(join(root, "tmp")), []);
  });

  it("are there once for images that come at the same time", async () => {
    const [one, two] = await Promise.all([acquire("one", ONE), acquire("two", TWO)]);
    assert.equal(inodes(one)[0], inodes(two)[0]);
  });

  it("stay while a container's disk stands on them, and come back with their image", async () => {
    const image = await acquire("one", ONE);
    const disk = join(folder.path, "container.qcow2");
    await createContainerDisk({ image: image.disk, target: disk });
    assert.equal(takenBytes(disk), statSync(disk).blocks * 512 + image.usedBytes);
    await store.remove(image, () => true);
    assert.deepEqual(await store.list(), []);
    execFileSync("qemu-img", ["check", "-q", disk]);
    // Another image can stand on what is out of sight.
    const two = await acquire("two", TWO);
    assert.equal(inodes(two)[0], inodes(image)[0]);
    assert.deepEqual(await acquire("one", ONE), image);
  });

  it("of an image whose layers are all there cost no program", async () => {
    const one = await acquire("one", ONE);
    tools = [];
    const other = await acquire("other", { ...ONE, config: { Cmd: ["other"] } });
    assert.deepEqual(tools, []);
    assert.deepEqual(inodes(other), inodes(one));
  });

  it("have together what one disk of all layers has", async () => {
    const layers: TarEntry[][] = [
      [
        { name: "etc/" },
        { name: "etc/hostname", data: "set" },
        { name: "a/", mode: 0o700, uid: 3, gid: 4 },
        ...Array.from({ length: 300 }, (_, i) => ({ name: `a/${i}`, data: `${i}` })),
        { name: "deep/er/and/deeper", data: "d" },
        { name: "link", type: "symlink", linkname: "a" },
        { name: "kept", data: "k", mtime: 1_000_000_000 },
      ],
      [
        { name: "etc/.wh.hostname" },
        ...Array.from({ length: 150 }, (_, i) => ({ name: `a/.wh.${i * 2}` })),
        ...Array.from({ length: 400 }, (_, i) => ({ name: `a/new ${i}`, mode: 0o4711, uid: i, gid: 2 * i })),
        { name: "link/through", data: "the link" },
        { name: 'odd "quoted" \\ <12>', data: "odd" },
        { name: Buffer.from("odd \xff", "latin1"), data: "odd" },
        { name: `${"long/".repeat(40)}name`, data: "long" },
        { name: "hard/one", data: "h" },
        { name: "hard/two", type: "link", linkname: "hard/one" },
        { name: "null", type: "character", major: 1, minor: 3 },
        { name: "disk", type: "block", major: 259, minor: 300, mode: 0o660 },
        { name: "pipe", type: "fifo", mode: 0o622 },
      ],
      [
        { name: "deep/.wh.er" },
        { name: "deep/now", data: "n" },
        { name: "a/", mode: 0o1777, mtime: 1_100_000_000 },
        { name: "hard/three", type: "link", linkname: "hard/two" },
        { name: "kept", type: "symlink", linkname: "/etc/passwd", uid: 9 },
        { name: "pipe", data: "a file" },
        { name: "zeros", data: Buffer.alloc(300_000) },
        { name: "big", data: Buffer.alloc(3_000_000, "big") },
      ],
    ];
    const one = await acquire("one", { layers });
    assert.equal(snapshotsOf(one).length, 3);
    // Of an image with attributes of folders there is one.
    const marked = layers.map((layer, index) =>
      index === 0 ? [...layer, { name: "marked/", xattrs: { "user.mark": "1" } }] : layer,
    );
    const whole = await acquire("whole", { layers: marked });
    assert.equal(snapshotsOf(whole).length, 1);
    const [here, there] = [await listFiles(one.disk), await listFiles(whole.disk)];
    // What no layer names has the time of its making.
    const named = (files: typeof here) =>
      files.map(
        ([path, mode, uid, gid, size, , device]) => [path, mode, uid, gid, size, "0", device] as const,
      );
    assert.deepEqual(compareFiles(named(here), named(there)), [{ path: "/marked", kind: 1 }]);
    await using disk = await MountedDisk.open(one.disk);
    await using other = await MountedDisk.open(whole.disk);
    const differences = ["diff", "-r", "--no-dereference", "-x", "marked", disk.path, other.path];
    execFileSync("timeout", ["60", ...differences, "-x", "null", "-x", "disk"]);
    const times = (mounted: MountedDisk) =>
      ["a", "a/new 7", "kept", "hard/three"].map(
        (name) => statSync(mounted.join(name), { throwIfNoEntry: false })?.mtimeMs,
      );
    assert.deepEqual(times(disk), times(other));
    assert.equal(statSync(disk.join("hard/one")).nlink, 3);
  });

  it("stand on nothing where a layer has names with line breaks", async () => {
    const image = await acquire("one", {
      layers: [BASE, [{ name: "two\nlines", data: "2" }], [{ name: "three", data: "3" }]],
    });
    assert.equal(snapshotsOf(image).length, 2);
    await using disk = await MountedDisk.open(image.disk);
    for (const [name, text] of [
      ["bin/sh", "shell"],
      ["two\nlines", "2"],
      ["three", "3"],
    ] as const)
      assert.equal(readFileSync(disk.join(name), "utf8"), text);
  });

  it("keep the attributes of files in layers above the lowest", async () => {
    const capable = { name: "bin/ping", data: "ping", xattrs: { "user.note": "kept" } };
    const image = await acquire("one", { layers: [BASE, [capable], [{ name: "three", data: "3" }]] });
    assert.equal(snapshotsOf(image).length, 2);
    assert.match(await debugfs(image.disk, "ea_get /bin/ping user.note"), /"kept"/);
  });

  it("are no more than QEMU opens quickly, however many layers an image has", async () => {
    const layers = [BASE, ...Array.from({ length: 19 }, (_, i) => [{ name: `file-${i}`, data: `${i}` }])];
    const image = await acquire("one", { layers });
    assert.equal(snapshotsOf(image).length, 16);
    const layer = join(folder.path, "layer.tar");
    writeFileSync(layer, makeTar([{ name: ".wh.file-3" }, { name: "top", data: "t" }]));
    const made = { created: new Date("2026-01-02T03:04:05Z"), text: "child", config: {} };
    const child = await store.create({ ...made, layer, parent: image });
    assert.deepEqual(inodes(child).slice(0, 15), inodes(image).slice(0, 15));
    assert.equal(snapshotsOf(child).length, 16);
    await using disk = await MountedDisk.open(child.disk);
    const names = readdirSync(disk.path).filter((name) => name.startsWith("file-") || name === "top");
    assert.equal(names.length, 19);
    assert.ok(!names.includes("file-3"));
  });

  it("of a larger disk are apart", async () => {
    const one = await acquire("one", ONE);
    store = new ImageStore({ root, diskSizeBytes: 20 * 1024 ** 3 });
    const two = await acquire("two", TWO);
    assert.notEqual(inodes(two)[0], inodes(one)[0]);
    assert.deepEqual([one.diskSizeBytes, two.diskSizeBytes], [10 * 1024 ** 3, 20 * 1024 ** 3]);
  });

  for (const [tool, place] of [
    ["umoci", 1],
    ["mke2fs", 1],
    ["qemu-img", 1],
    ["umoci", 2],
    ["debugfs", 2],
    ["qemu-img", 2],
  ] as const)
    it(`are whole when an import is killed at its use number ${place} of ${tool}`, async () => {
      const base = await acquire("base", { layers: [[{ name: "other", data: "o" }]] });
      await writeOciImage(join(folder.path, "one"), ONE);
      const killed = `
        import { ImageStore, parseImageReference, runTool } from "${import.meta.resolve("../../../../src/portlayer/storage/index.ts")}";
        let uses = 0;
        const run = async (tool, args, options) => {
          const result = await runTool(tool, args, options);
          if (tool === "${tool}" && (uses += 1) === ${place}) process.kill(process.pid, "SIGKILL");
          return result;
        };
        const store = new ImageStore({ root: ${JSON.stringify(root)}, run });
        await store.acquire(parseImageReference(${JSON.stringify(`oci:${folder.path}/one:latest`)}));`;
      assert.throws(() => execFileSync(process.execPath, ["--input-type=module", "-e", killed]), {
        signal: "SIGKILL",
      });
      assert.deepEqual(
        (await store.list()).map(({ image }) => image),
        [base],
      );
      const image = await acquire("one", ONE);
      assert.deepEqual(readdirSync(join(root, "tmp")), []);
      assert.deepEqual([await read(image, "one"), await read(image, "bin/sh")], ["1", "shell"]);
    });

  it("are not needed by an image of an earlier version, which has a disk of its own", async () => {
    const image = await acquire("one", ONE);
    const name = "docker.io/tests/image:latest";
    await store.name(name, image);
    const home = dirname(image.disk);
    const disk = join(home, "disk.raw");
    execFileSync("qemu-img", ["convert", "-O", "raw", image.disk, disk]);
    for (const file of snapshotsOf(image)) rmSync(file);
    const record = join(home, "image.json");
    const { snapshots: _, ...earlier } = JSON.parse(readFileSync(record, "utf8")) as Record<string, unknown>;
    writeFileSync(`${record}.new`, JSON.stringify(earlier));
    renameSync(`${record}.new`, record);
    const found = await store.findNamed(name);
    assert.deepEqual({ ...found, usedBytes: 0 }, { ...image, disk, usedBytes: 0 });
    const target = join(folder.path, "container.qcow2");
    await createContainerDisk({ image: disk, target });
    execFileSync("qemu-img", ["check", "-q", target]);
    assert.ok((await listFiles(disk)).some(([path]) => path === "/one"));
    const two = await acquire("two", TWO);
    assert.equal(snapshotsOf(two).length, 2);
  });
});
