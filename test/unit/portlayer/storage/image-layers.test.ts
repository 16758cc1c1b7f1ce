import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { type ImageContent, makeTar, MountedDisk, writeOciImage } from "../../../support/images/index.ts";
import { useTemporaryFolder } from "../../../support/temporary-folder.ts";

const BASE = [{ name: "bin/" }, { name: "bin/sh", mode: 0o755, data: "shell" }];
const ONE: ImageContent = { layers: [BASE, [{ name: "one", data: "1" }]], config: { Cmd: ["one"] } };
const TWO: ImageContent = { layers: [BASE, [{ name: "two", data: "2" }]], config: { Cmd: ["two"] } };

describe("the layers of the image store", function () {
  this.timeout(60_000);
  const folder = useTemporaryFolder();
  let store: ImageStore;
  let root: string;
  before(function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
  });
  beforeEach(() => {
    root = join(folder.path, "store");
    store = new ImageStore({ root });
  });

  async function acquire(name: string, content: ImageContent) {
    await writeOciImage(join(folder.path, name), content);
    return store.acquire(parseImageReference(`oci:${folder.path}/${name}:latest`));
  }
  /** The files of layers and documents, by their digests' digits. */
  function blobsOf(disk: string): Map<string, number> {
    const blobs = join(dirname(disk), "blobs/sha256");
    return new Map(readdirSync(blobs).map((name) => [name, statSync(join(blobs, name)).ino]));
  }

  it("are there once, whichever images have them, and go with the last one", async () => {
    const [one, two] = [await acquire("one", ONE), await acquire("two", TWO)];
    const [blobs, others] = [blobsOf(one.disk), blobsOf(two.disk)];
    const shared = [...blobs].filter(([name]) => others.has(name));
    assert.equal(shared.length, 1);
    assert.deepEqual(
      shared.map(([name, inode]) => others.get(name) === inode),
      [true],
    );
    const file = join(dirname(two.disk), "blobs/sha256", shared[0]?.[0] ?? "");
    assert.equal(statSync(file).nlink, 2);
    await store.remove(one, () => false);
    assert.equal(statSync(file).nlink, 1);
    assert.deepEqual(
      (await store.list()).map(({ image }) => image),
      [two],
    );
  });

  it("are a layout of OCI's that other programs read", async () => {
    const { disk, configuration } = await acquire("one", ONE);
    const text = execFileSync("skopeo", ["inspect", "--config", "--raw", `oci:${dirname(disk)}`]).toString();
    assert.deepEqual((JSON.parse(text) as { config: { Cmd: string[] } }).config.Cmd, configuration.command);
  });

  it("can have another one on top, which adds and deletes", async () => {
    const parent = await acquire("one", ONE);
    const layer = join(folder.path, "layer.tar");
    writeFileSync(layer, makeTar([{ name: ".wh.one" }, { name: "three", data: "3" }]));
    const made = { created: new Date("2026-01-02T03:04:05Z"), text: "child", createdBy: "sh", author: "me" };
    const child = await store.create({ ...made, layer, parent, config: { Cmd: ["three"] } });
    assert.deepEqual(child.configuration.command, ["three"]);
    assert.deepEqual(
      child.layers.slice(0, 2).map(({ diffId }) => diffId),
      parent.layers.map(({ diffId }) => diffId),
    );
    await using disk = await MountedDisk.open(child.disk);
    assert.deepEqual(
      readdirSync(disk.path)
        .filter((name) => ["one", "three", "bin"].includes(name))
        .sort(),
      ["bin", "three"],
    );
    assert.equal(readFileSync(disk.join("bin/sh"), "utf8"), "shell");
    const { author, history } = await store.details(child);
    assert.equal(author, "me");
    assert.deepEqual(history.at(-1), {
      created: "2026-01-02T03:04:05.000Z",
      createdBy: "sh",
      comment: "",
      contentBytes: 1,
    });
    writeFileSync(layer, makeTar([{ name: "../../escaped" }]));
    await assert.rejects(store.create({ ...made, layer, parent, config: {} }), { code: "image-unsafe" });
    assert.deepEqual(readdirSync(join(root, "tmp")), []);
  });

  for (const [moment, isInUse] of [
    ["while it looks who has the image", "process.kill(process.pid, 'SIGKILL')"],
    ["when the image is out of sight", "(setImmediate(() => process.kill(process.pid, 'SIGKILL')), false)"],
  ] as const) {
    it(`are whole or gone when a removal is killed ${moment}`, async () => {
      const image = await acquire("one", ONE);
      const name = "docker.io/tests/image:latest";
      await store.name(name, image);
      const killed = `
        import { ImageStore } from "${import.meta.resolve("../../../../src/portlayer/storage/index.ts")}";
        const store = new ImageStore({ root: ${JSON.stringify(root)} });
        await store.remove({ digest: ${JSON.stringify(image.digest)} }, () => ${isInUse});
        await new Promise(() => setInterval(() => {}, 1000));`;
      assert.throws(() => execFileSync(process.execPath, ["--input-type=module", "-e", killed]), {
        signal: "SIGKILL",
      });
      assert.equal(await store.findNamed(name), undefined);
      assert.deepEqual(await store.list(), []);
      assert.deepEqual(await acquire("one", ONE), image);
      assert.deepEqual(readdirSync(join(root, "tmp")), []);
      await using disk = await MountedDisk.open(image.disk);
      assert.equal(readFileSync(disk.join("one"), "utf8"), "1");
    });
  }
});
