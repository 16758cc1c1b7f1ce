import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { KERNEL_FILES, KernelFolders, sampleOf } from "../../support/kernel-folders.ts";

const devices = (text: string): unknown => {
  using folders = new KernelFolders({ "container/io.stat": text });
  return sampleOf(folders.statistics()).containerIo?.devices;
};

describe("files of a weird shape", () => {
  for (const [what, text] of [
    ["nothing", ""],
    ["a device without numbers", "254:0\n"],
    ["a device that is none", "none rbytes=1\n"],
    ["no end of the line", "254:0 rbytes=7"],
  ] as const) {
    it(`io.stat: ${what}`, () => {
      const list = devices(text) as { device: string; readBytes: number | null }[] | undefined;
      for (const { device, readBytes } of list ?? []) deepEqual([device, readBytes ?? 7], ["254:0", 7]);
    });
  }

  it("io.stat: unknown keys, keys in another order, twice, and numbers that are none", () => {
    const text =
      "254:0 x=1 wios=4 rbytes=abc wbytes= dios=-3 cost.usage=9 rios=99999999999999999999 wios=5\n";
    const [device] = devices(text) as Record<string, unknown>[];
    deepEqual(JSON.parse(JSON.stringify(device)), { device: "254:0", writes: 5 });
  });

  it("io.stat: one device twice is one", () =>
    equal((devices("1:1 rios=1\n1:1 rios=2\n") as unknown[]).length, 1));

  it("diskstats of an older kernel has fewer columns", () => {
    using folders = new KernelFolders();
    folders.write("proc/diskstats", "254 0 vda 100 5 2000 30 50 6 4000 70 0 90 100\n");
    const [disk] = sampleOf(folders.statistics()).disks ?? [];
    deepEqual([disk?.busyMs, disk?.discards, disk?.flushes], [90, null, null]);
  });

  it("pressure: numbers with other decimals are unset, not wrong", () => {
    using folders = new KernelFolders();
    folders.write("container/cpu.pressure", "some avg10=1.5 avg60=2 avg300=0.25 total=7\nhuh\n");
    const { some, full } = sampleOf(folders.statistics()).containerPressure?.cpu ?? {};
    deepEqual(
      [some?.avg10BasisPoints, some?.avg60BasisPoints, some?.avg300BasisPoints, some?.totalUs, full],
      [null, 200, 25, 7, null],
    );
  });

  it("the name of an interface may be any bytes", () => {
    using folders = new KernelFolders();
    const line = Buffer.concat([
      Buffer.from("  e\xff\xfe: 5 ", "latin1"),
      Buffer.from("1 1 1 0 0 0 0 1 1 1 1\n"),
    ]);
    folders.write("proc/net/dev", line);
    const statistics = folders.statistics();
    sampleOf(statistics);
    const [card] = sampleOf(statistics).network ?? [];
    deepEqual([card?.name, card?.receivedBytes], ["e\ufffd\ufffd", 5]);
  });

  it("a file whose lines move is read right", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    equal(sampleOf(statistics).containerMemory?.anonBytes, 67_108_864);
    folders.write("container/memory.stat", "new 1\nfile 5\nanon 6\nslab 7\n");
    const { anonBytes, fileBytes, slabBytes, pageFaults } = sampleOf(statistics).containerMemory ?? {};
    deepEqual([anonBytes, fileBytes, slabBytes, pageFaults], [6, 5, 7, null]);
  });

  it("a CPU that goes offline is not listed, and goes on when it comes again", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    const users = (): unknown =>
      sampleOf(statistics).machineCpu?.cpus?.map(({ cpu, userMs }) => [cpu, userMs]);
    const both = "cpu 3 0 0 0\ncpu0 100 0 0 0\ncpu1 200 0 0 0\n";
    folders.write("proc/stat", both);
    deepEqual(users(), [
      [0, 1000],
      [1, 2000],
    ]);
    folders.write("proc/stat", "cpu 3 0 0 0\ncpu0 101 0 0 0\n");
    deepEqual(users(), [[0, 1010]]);
    folders.write("proc/stat", both.replace("200", "201"));
    deepEqual(users(), [
      [0, 1010],
      [1, 2010],
    ]);
  });

  it("no content of any file is an exception, or a sample that cannot be read", function () {
    // Many runs, each with files: on a loaded machine more than the usual limit.
    this.timeout(60_000);
    const names = fc.constantFrom(...Object.keys(KERNEL_FILES).filter((name) => !name.startsWith("sys/")));
    const pieces = fc.constantFrom(
      ...[
        "\n",
        " ",
        ":",
        "=",
        "0",
        "18446744073709551615",
        "max",
        "cpu0",
        "cpu",
        "avg10=",
        "total",
        "\0",
        "\xff",
      ],
      ...["254:0 rbytes=1", "eth0:", "vda", "-1", ".", "1.25", "MemTotal:", "usage_usec 5", "some "],
    );
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(""), "latin1")),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(names, text), { minLength: 1, maxLength: 4 }), (changes) => {
        using folders = new KernelFolders();
        const statistics = folders.statistics();
        sampleOf(statistics);
        for (const [name, content] of changes) {
          folders.write(name, content);
          ok((sampleOf(statistics).monotonicUs ?? 0) > 0);
        }
      }),
      { numRuns: 60 },
    );
  });
});
