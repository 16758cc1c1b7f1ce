import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import {
  diskFormatOf,
  diskSizeOf,
  disksBelow,
  makeSnapshot,
  openDisk,
} from "../../../../../src/portlayer/storage/snapshots/index.ts";
import { runTool } from "../../../../../src/portlayer/storage/index.ts";
import { useTemporaryFolder } from "../../../../support/temporary-folder.ts";

const SIZE = 2 * 1024 ** 3;

/** Some bytes, somewhere on the disk. Zeros undo what was there. */
const change = fc.record({
  position: fc.integer({ min: 0, max: SIZE - 200_000 }),
  length: fc.integer({ min: 1, max: 200_000 }),
  byte: fc.integer({ min: 0, max: 3 }),
});
const levels = fc.array(fc.array(change, { maxLength: 6 }), { minLength: 1, maxLength: 4 });

describe("snapshots of disks", function () {
  this.timeout(120_000);
  const folder = useTemporaryFolder();

  it("have each what the disk had, whatever was written in between", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(levels, async (writes) => {
        run += 1;
        const disk = join(folder.path, `${run}.raw`);
        writeFileSync(disk, "");
        truncateSync(disk, SIZE);
        let parent: string | undefined;
        for (const [level, changes] of writes.entries()) {
          apply(disk, changes);
          const target = join(folder.path, `${run}-${level}.qcow2`);
          await makeSnapshot({ disk, parent, target, run: runTool, signal: undefined });
          // QEMU is the judge of the file, and of its content.
          execFileSync("qemu-img", ["check", "-q", "-f", "qcow2", target]);
          execFileSync("qemu-img", ["compare", "-q", "-f", "raw", "-F", "qcow2", disk, target]);
          await assertRead(disk, target, changes);
          parent = target;
        }
        assert.equal(disksBelow(parent ?? "").length, writes.length);
        assert.deepEqual([diskFormatOf(parent ?? ""), diskSizeOf(parent ?? "")], ["qcow2", SIZE]);
        assert.deepEqual([diskFormatOf(disk), diskSizeOf(disk)], ["raw", SIZE]);
      }),
      { numRuns: 8 },
    );
  });

  it("are refused when what they stand on is missing, or they are cut short", async () => {
    const [disk, lower, upper] = ["disk.raw", "lower.qcow2", "upper.qcow2"].map((name) =>
      join(folder.path, name),
    ) as [string, string, string];
    writeFileSync(disk, "");
    truncateSync(disk, SIZE);
    const made = { disk, run: runTool, signal: undefined };
    await makeSnapshot({ ...made, parent: undefined, target: lower });
    await makeSnapshot({ ...made, parent: lower, target: upper });
    truncateSync(lower, 5000);
    await assert.rejects(openDisk(upper), /ends too early/);
    writeFileSync(lower, "");
    await assert.rejects(openDisk(upper), /ends too early/);
  });
});

function apply(disk: string, changes: readonly { position: number; length: number; byte: number }[]): void {
  const file = openSync(disk, "r+");
  for (const { position, length, byte } of changes)
    writeSync(file, Buffer.alloc(length, byte), 0, length, position);
  closeSync(file);
}

async function assertRead(
  disk: string,
  snapshot: string,
  pieces: readonly { position: number; length: number }[],
): Promise<void> {
  await using read = await openDisk(snapshot);
  const file = openSync(disk, "r");
  for (const { position, length } of pieces) {
    const expected = Buffer.alloc(length);
    readSync(file, expected, 0, length, position);
    assert.ok((await read.read(position, length)).equals(expected));
  }
  closeSync(file);
  await assert.rejects(read.read(SIZE - 1, 2), /ends too early/);
}
