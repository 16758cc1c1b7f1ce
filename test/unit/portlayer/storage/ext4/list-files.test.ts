import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { listDisk } from "../../../../../src/files/index.ts";
import { listDiskFiles } from "../../../../../src/portlayer/storage/index.ts";
import { makeLayerDisk } from "../../../../../src/portlayer/storage/import/layer-disk.ts";
import { runTool } from "../../../../../src/portlayer/storage/tool-runner.ts";
import type { ListedFile } from "../../../../../src/protocol/archive-commands.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

/** A folder with an index has some blocks of names. */
const MANY = 1500;

function makeTree(tree: string): void {
  mkdirSync(join(tree, "many"), { recursive: true });
  for (let index = 0; index < MANY; index += 1) writeFileSync(join(tree, "many", `file-${index}`), "x");
  mkdirSync(join(tree, "a/b/c/d"), { recursive: true });
  writeFileSync(join(tree, "a/b/c/d/large"), Buffer.alloc(300_000, 7));
  writeFileSync(join(tree, "sparse"), "begin");
  truncateSync(join(tree, "sparse"), 5 * 1024 ** 3);
  writeFileSync(join(tree, "ümlaut \n"), "");
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0x62, 0xff])]), "");
  symlinkSync("a/b", join(tree, "short"));
  symlinkSync("x".repeat(200), join(tree, "long"));
  chownSync(join(tree, "short"), 0, 0);
  chownSync(join(tree, "sparse"), 100_000, 200_000);
  lutimesSync(join(tree, "short"), 1, 1);
  execFileSync("mknod", [join(tree, "null"), "c", "1", "3"]);
  execFileSync("mknod", [join(tree, "disk"), "b", "259", "300"]);
  execFileSync("mkfifo", [join(tree, "pipe")]);
  chmodSync(join(tree, "pipe"), 0o4711);
}

/** By path; the disk has whole seconds only. */
function normalise(files: readonly ListedFile[]): unknown[] {
  return files
    .map(([path, mode, uid, gid, size, time, device]) => [
      ...[path, mode, uid, gid, size],
      ...[String(BigInt(time) / 1_000_000_000n), device],
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

async function collect(source: AsyncIterable<ListedFile>): Promise<ListedFile[]> {
  const files: ListedFile[] = [];
  for await (const file of source) files.push(file);
  return files;
}

async function listTree(tree: string): Promise<ListedFile[]> {
  const pieces: Buffer[] = [];
  for await (const piece of listDisk(tree)) pieces.push(piece);
  const lines = Buffer.concat(pieces).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as ListedFile);
}

describe("the files of an image's disk", function () {
  // On a machine that does several things at once.
  this.timeout(30_000);

  const folder = useTemporaryFolder();

  it("are listed as those of the tree that it was made from", async () => {
    const [tree, disk] = [join(folder.path, "tree"), join(folder.path, "disk")];
    makeTree(tree);
    await makeLayerDisk({
      ...{ tree, disk, run: runTool, signal: undefined },
      ...{ contentBytes: 1_000_000, entries: MANY + 50, diskSizeBytes: 1024 ** 3 },
    });
    const [ofTree, ofDisk] = [await listTree(tree), await collect(listDiskFiles(disk))];
    assert.ok(ofTree.length > MANY);
    assert.deepEqual(normalise(ofDisk), normalise(ofTree));
  });

  it("are refused of what is no such disk", async () => {
    const disk = join(folder.path, "disk");
    for (const [content, message] of [
      [Buffer.alloc(8192), /no ext4/],
      [Buffer.alloc(100), /ends too early/],
    ] as const) {
      writeFileSync(disk, content);
      await assert.rejects(collect(listDiskFiles(disk)), message);
    }
  });
});
