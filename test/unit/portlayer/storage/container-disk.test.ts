import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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

  it("takes no longer than 50 ms for a terabyte", async () => {
    const image = await rawDisk(1024 ** 4);
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const start = performance.now();
      await createContainerDisk({ image, target: join(folder, `${round}.qcow2`) });
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[2] ?? Infinity;
    assert(median < 50, `${median} ms`);
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
