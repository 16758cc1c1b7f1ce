import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createContainerDisk } from "../../../../src/portlayer/storage/index.ts";

describe("createContainerDisk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "container-disk-"));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  async function rawDisk(sizeBytes: number): Promise<string> {
    const image = join(folder, "disk.raw");
    await writeFile(image, "");
    await truncate(image, sizeBytes);
    return image;
  }

  it("makes a qcow2 of the image's size that refers to it by its absolute path", async () => {
    const image = await rawDisk(10 * 1024 ** 3);
    const target = join(folder, "c.qcow2");
    await createContainerDisk({ image, target });
    const info = JSON.parse(
      execFileSync("qemu-img", ["info", "--output=json", target], { encoding: "utf8" }),
    ) as Record<string, unknown>;
    assert.deepEqual(
      [info["format"], info["virtual-size"], info["backing-filename"], info["backing-filename-format"]],
      ["qcow2", 10 * 1024 ** 3, image, "raw"],
    );
  });

  it("takes as little of this machine's disk for a terabyte as for less", async () => {
    const sizes: number[] = [];
    for (const [name, bytes] of [["small", 1024 ** 2] as const, ["large", 1024 ** 4] as const]) {
      const target = join(folder, `${name}.qcow2`);
      await createContainerDisk({ image: await rawDisk(bytes), target });
      sizes.push(statSync(target).blocks * 512);
    }
    assert.ok(
      sizes.every((size) => size <= 1024 ** 2),
      `${sizes.join(" and ")} bytes`,
    );
  });

  it("leaves nothing behind when it fails", async () => {
    const target = join(folder, "c.qcow2");
    await assert.rejects(createContainerDisk({ image: join(folder, "missing"), target }), {
      code: "state-not-writable",
    });
    assert.deepEqual(await readdir(folder), []);
  });

  it("leaves nothing behind when it is aborted", async () => {
    const abort = new AbortController();
    const made = createContainerDisk({
      image: await rawDisk(1024 ** 2),
      target: join(folder, "c.qcow2"),
      signal: abort.signal,
    });
    abort.abort(new Error("interrupted"));
    await assert.rejects(made, { message: "interrupted" });
    assert.deepEqual(await readdir(folder), ["disk.raw"]);
  });
});
