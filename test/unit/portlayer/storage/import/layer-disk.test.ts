import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeLayerDisk } from "../../../../../src/portlayer/storage/import/layer-disk.ts";
import { runTool } from "../../../../../src/portlayer/storage/tool-runner.ts";
import { checkDisk, debugfs } from "../../../../support/images/index.ts";

const GIB = 1024 ** 3;

describe("makeLayerDisk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "make-layer-disk-"));
    await mkdir(join(folder, "tree"));
  });
  afterEach(async () => rm(folder, { recursive: true }));

  async function make(contentBytes: number, entries: number): Promise<{ disk: string; sizeBytes: number }> {
    const disk = join(folder, "disk.raw");
    const places = { tree: join(folder, "tree"), disk };
    const limits = { contentBytes, entries, diskSizeBytes: GIB };
    const sizeBytes = await makeLayerDisk({ ...places, ...limits, run: runTool, signal: undefined });
    assert.equal((await stat(disk)).size, sizeBytes);
    await checkDisk(disk);
    return { disk, sizeBytes };
  }

  it("makes a disk of the wanted size when the content fits", async () => {
    assert.equal((await make(1000, 10)).sizeBytes, GIB);
  });

  it("makes a larger one, with room to write, when it does not", async () => {
    assert.equal((await make(1.4 * GIB, 10)).sizeBytes, 3 * GIB);
  });

  it("makes enough inodes for many small files", async () => {
    const { disk } = await make(1000, 150_000);
    const inodes = /Inode count: +(\d+)/.exec(await debugfs(disk, "stats -h"))?.[1];
    assert(Number(inodes) >= 300_000, inodes);
  });
});
