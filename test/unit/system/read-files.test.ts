import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadNativeAddon } from "../../../src/system/linux-system.ts";
import type { FileBatch } from "../../../src/system/system.ts";
import { built, nativeSystem } from "../../support/native-system.ts";
import { useTemporaryFolder } from "../../support/temporary-folder.ts";

function batchOf(descriptors: readonly number[], capacity = 64): FileBatch {
  return {
    descriptors: Int32Array.from(descriptors),
    places: Int32Array.from(descriptors.flatMap((_each, index) => [index * capacity, capacity, -1, 0])),
    content: new Uint8Array(descriptors.length * capacity),
    clocks: new Float64Array(2),
  };
}

describe("readFiles", () => {
  const folder = useTemporaryFolder();

  it("reads each file from its beginning, and says which is another than before", () => {
    const [one, other] = [join(folder.path, "one"), join(folder.path, "other")];
    writeFileSync(one, "first");
    writeFileSync(other, "second");
    const descriptors = [one, other].map((path) => openSync(path, "r"));
    const batch = batchOf([...descriptors, -1, 987_654]);
    const states = (): number[][] =>
      [0, 1, 2, 3].map((index) => [...batch.places.subarray(index * 4 + 2, index * 4 + 4)]);
    nativeSystem().readFiles(batch);
    // The third one is passed over, the fourth no descriptor (EBADF).
    deepEqual(states(), [
      [5, 1],
      [6, 1],
      [-1, 0],
      [-9, 1],
    ]);
    equal(Buffer.from(batch.content.subarray(64, 70)).toString(), "second");
    writeFileSync(other, "sECOND");
    nativeSystem().readFiles(batch);
    deepEqual(states().slice(0, 2), [
      [5, 0],
      [6, 1],
    ]);
    equal(Buffer.from(batch.content.subarray(64, 70)).toString(), "sECOND");
    for (const each of descriptors) closeSync(each);
  });

  it("cuts what is longer than its place, and touches nothing behind it", () => {
    const path = join(folder.path, "long");
    writeFileSync(path, "x".repeat(10_000));
    const descriptor = openSync(path, "r");
    const batch = batchOf([descriptor, -1], 5000);
    nativeSystem().readFiles(batch);
    equal(batch.places[2], 5000);
    equal(batch.content.indexOf(0), 5000);
    closeSync(descriptor);
  });

  it("tells the time of the reading", () => {
    const batch = batchOf([]);
    nativeSystem().readFiles(batch);
    const [monotonicUs = 0, wallUs = 0] = batch.clocks;
    ok(Math.abs(wallUs / 1000 - Date.now()) < 1000);
    ok(monotonicUs > 0);
  });

  it("refuses places that are not within the content", () => {
    const addon = loadNativeAddon(built("tether.node"));
    const { descriptors, content, clocks } = batchOf([0]);
    const read = (places: Int32Array): void => addon.readFiles(descriptors, places, content, clocks);
    for (const places of [
      [1, 64, 0, 0],
      [-1, 8, 0, 0],
      [0, -8, 0, 0],
      [0, 65_537, 0, 0],
      [2 ** 31 - 1, 64, 0, 0],
      [0, 64, 0],
    ])
      throws(() => read(Int32Array.from(places)), TypeError);
    throws(() => addon.readFiles(descriptors, new Int32Array(4), content, new Float64Array(1)), TypeError);
    const plain = [0] as unknown as Int32Array;
    throws(() => addon.readFiles(plain, new Int32Array(4), content, clocks), TypeError);
  });
});
