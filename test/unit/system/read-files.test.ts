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
    places: Int32Array.from(descriptors.flatMap((_each, index) => [index * capacity, capacity, -1, 0, 0, 0])),
    content: new Uint8Array(descriptors.length * capacity),
    clocks: new Float64Array(2),
    ...NO_NUMBERS,
  };
}

const NO_NUMBERS = {
  numbers: new Int32Array(),
  values: new Float64Array(),
  changed: new Int32Array(1),
};

describe("readFiles", () => {
  const folder = useTemporaryFolder();

  it("reads each file from its beginning, and says which is another than before", () => {
    const [one, other] = [join(folder.path, "one"), join(folder.path, "other")];
    writeFileSync(one, "first");
    writeFileSync(other, "second");
    const descriptors = [one, other].map((path) => openSync(path, "r"));
    const batch = batchOf([...descriptors, -1, 987_654]);
    const states = (): number[][] =>
      [0, 1, 2, 3].map((index) => [...batch.places.subarray(index * 6 + 2, index * 6 + 4)]);
    equal(nativeSystem().readFiles(batch), 3);
    // The third one is passed over, the fourth no descriptor (EBADF).
    deepEqual(states(), [
      [5, 1],
      [6, 1],
      [-1, 0],
      [-9, 1],
    ]);
    equal(Buffer.from(batch.content.subarray(64, 70)).toString(), "second");
    writeFileSync(other, "sECOND");
    equal(nativeSystem().readFiles(batch), 1);
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
    const { numbers, values, changed } = NO_NUMBERS;
    const read = (places: Int32Array, times = clocks): void =>
      void addon.readFiles(descriptors, places, content, times, numbers, values, changed, undefined);
    for (const places of [
      [1, 64, 0, 0, 0, 0],
      [-1, 8, 0, 0, 0, 0],
      [0, -8, 0, 0, 0, 0],
      [0, 65_537, 0, 0, 0, 0],
      [2 ** 31 - 1, 64, 0, 0, 0, 0],
      [0, 64, 65, 0, 0, 0],
      [0, 64, 0, 0, 0, 1],
      [0, 64, 0, 0, -1, 1],
      [0, 64, 0, 0, 1, -1],
      [0, 64, 0],
    ])
      throws(() => read(Int32Array.from(places)), TypeError);
    throws(() => read(new Int32Array(6), new Float64Array(1)), TypeError);
    throws(() => read([0, 64, 0, 0, 0, 0] as unknown as Int32Array), TypeError);
  });

  it("refuses a table of numbers without room for its values", () => {
    const addon = loadNativeAddon(built("tether.node"));
    const { descriptors, content, clocks, places } = batchOf([0]);
    for (const [fields, values, room] of [
      [3, 1, 1],
      [2, 1, 2],
      [3, 2, 3],
      [0, 0, 0],
    ] as const)
      throws(
        () =>
          addon.readFiles(
            ...[descriptors, places, content, clocks],
            ...([new Int32Array(fields), new Float64Array(values), new Int32Array(room), undefined] as const),
          ),
        TypeError,
      );
  });
});

describe("readFiles of numbers that are followed", () => {
  const folder = useTemporaryFolder();

  /** A file that is read, with numbers at these places of its first text. */
  const follow = (
    text: string,
    numbers: readonly (readonly [at: number, scale: number, decimals: number])[],
  ) => {
    const path = join(folder.path, "file");
    writeFileSync(path, text);
    const descriptor = openSync(path, "r");
    const count = numbers.length;
    const batch: FileBatch = {
      ...batchOf([descriptor], 512),
      numbers: Int32Array.from(numbers.flat()),
      values: new Float64Array(count),
      changed: new Int32Array(count + 1),
    };
    nativeSystem().readFiles(batch);
    batch.places.set([0, count], 4);
    return {
      /** @returns the numbers that have changed, by their index; undefined when somebody has to look at the file. */
      read: (next: string): Record<number, number> | undefined => {
        writeFileSync(path, next);
        nativeSystem().readFiles(batch);
        const { changed, values, places, content } = batch;
        equal(Buffer.from(content.subarray(0, places[2])).toString(), next);
        const told = Object.fromEntries(
          [...changed.subarray(1, 1 + (changed[0] ?? 0))].map((index) => [
            index,
            values[index] ?? Number.NaN,
          ]),
        );
        if (places[3] === 1) deepEqual(told, {});
        return places[3] === 1 ? undefined : told;
      },
      places: (): number[] => [...batch.numbers].filter((_each, index) => index % 3 === 0),
      [Symbol.dispose]: () => closeSync(descriptor),
    };
  };

  it("tells those that have changed and where they are from then on, and passes over the others", () => {
    using file = follow("anon 5\nfile 6\nslab 9 7\n", [
      [5, 1, 0],
      [12, 1024, 0],
      [21, 1, 0],
    ]);
    deepEqual(file.read("anon 123\nfile 6\nslab 9 7\n"), { 0: 123 });
    deepEqual(file.places(), [5, 14, 23]);
    deepEqual(file.read("anon 9\nfile 12\nslab 10 7\n"), { 0: 9, 1: 12_288 });
    deepEqual(file.places(), [5, 12, 23]);
    deepEqual(file.read("anon 9\nfile 12\nslab 10 8\n"), { 2: 8 });
    deepEqual(file.read("anon 9\nfile 12\nslab 1 8\n"), {});
    deepEqual(file.read("anon 9\nfile 12\nslab 1 1234\n"), { 2: 1234 });
  });

  it("knows numbers in columns, which take a space when they gain a digit", () => {
    using file = follow("  eth0:     99    1\n", [
      [12, 1, 0],
      [18, 1, 0],
    ]);
    deepEqual(file.read("  eth0:    100   10\n"), { 0: 100, 1: 10 });
    deepEqual(file.read("  eth0:      7    0\n"), { 0: 7, 1: 0 });
  });

  it("knows hundredths", () => {
    using file = follow("some avg10=0.00 total=5\n", [
      [11, 10, 2],
      [22, 1, 0],
    ]);
    deepEqual(file.read("some avg10=0.07 total=5\n"), { 0: 70 });
    deepEqual(file.read("some avg10=12.50 total=6\n"), { 0: 12_500, 1: 6 });
    for (const other of ["12.5", "12", "12.505", "1.2.50", "."])
      equal(file.read(`some avg10=${other} total=6\n`), undefined, other);
  });

  for (const [what, before, now] of [
    ["another word", "anon 5\n", "file 5\n"],
    ["another line", "anon 5\n", "anon 5\nfile 5\n"],
    ["a line less", "anon 5\nfile 5\n", "anon 5\n"],
    ["an interface of another name", "eth0: 5\n", "eth1: 5\n"],
    ["an interface whose name is a number", "  1: 5\n", "  2: 5\n"],
    ["a device of another number", "254:0 rios=5\n", "254:1 rios=5\n"],
    ["a processor of another number", "cpu0 5\n", "cpu1 5\n"],
    ["a word in place of a number", "max 5\n", "100 5\n"],
    ["a sign", "a 5\n", "a -5\n"],
    ["a number without its space", "a 5\n", "a5\n"],
    ["a number with letters", "a 5\n", "a 6x\n"],
    ["a point", "a 5\n", "a 5.5\n"],
    ["nothing", "a 5\n", ""],
    ["more than is exact", "a 5\n", "a 1234567890123456\n"],
  ] as const)
    it(`has somebody look at ${what}`, () => {
      using file = follow(before, [[before.lastIndexOf("5"), 1, 0]]);
      equal(file.read(now), undefined);
    });
});
