import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildDemoImage } from "../../../../scripts/build-demo-image.ts";
import { ImageStore, parseImageReference } from "../../../../src/portlayer/storage/index.ts";
import { MountedDisk } from "../../../support/images/index.ts";

describe("the demo image", function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "demo-image-"));
    await buildDemoImage(join(folder, "a"));
  });
  after(async () => rm(folder, { recursive: true }));

  it("is the same to the byte each time, and replaces an older one", async () => {
    await buildDemoImage(join(folder, "b"));
    await buildDemoImage(join(folder, "b"));
    assert.deepEqual((await readdir(folder)).sort(), ["a", "b"]);
    assert.equal(
      await readFile(join(folder, "b/index.json"), "utf8"),
      await readFile(join(folder, "a/index.json"), "utf8"),
    );
  });

  it("has a shell with its applets and a default command that needs no terminal", async function () {
    if (process.geteuid?.() !== 0) this.skip(); // imports need root
    const store = new ImageStore({ root: join(folder, "store") });
    const { disk, configuration } = await store.acquire(parseImageReference(`oci:${folder}/a:latest`));
    assert.deepEqual(configuration.command, ["/bin/hello"]);
    await using mounted = await MountedDisk.open(disk);
    for (const name of ["sh", "vi", "ls", "hello"])
      assert((await stat(mounted.join("bin", name))).mode & 0o111, name);
  });
});
