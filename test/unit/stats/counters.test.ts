import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { CounterBases } from "../../../src/stats/values/counters.ts";
import type { NumberFields, NumberKind } from "../../../src/stats/values/schema.ts";
import { Values } from "../../../src/stats/values/values.ts";
import { KernelFolders, sampleOf } from "../../support/kernel-folders.ts";

const netDev = (received: number): string => `  eth0: ${received} 2000 1 2 0 0 0 0 500000 1000 3 4 0 0 0 0\n`;

/** What a number of this kind is when the kernel says these, one after the other. */
function follow(kind: NumberKind, said: readonly number[]): (number | undefined)[] {
  const values = new Values();
  const row = values.add("test", [{ name: "x", number: 1, kind }]);
  return said.map((value) => {
    values.set(row, value);
    return values.copy()[row];
  });
}

describe("counters", () => {
  it("follow a gauge as it is", () => deepEqual(follow("gauge", [5, 3, 9]), [5, 3, 9]));
  it("go on when the kernel's begin anew", () =>
    deepEqual(follow("counter", [100, 250, 10, 30]), [100, 250, 260, 280]));
  it("add 2^32 when a 32-bit counter wraps", () =>
    deepEqual(follow("counter32", [2 ** 32 - 10, 5]), [2 ** 32 - 10, 2 ** 32 + 5]));
  it("take a 32-bit counter that was small for one that begins anew", () =>
    deepEqual(follow("counter32", [1000, 5]), [1000, 1005]));
  it("see a wrap of a driver that counts in 32 bits", () =>
    deepEqual(follow("counter", [2 ** 32 - 100, 50]), [2 ** 32 - 100, 2 ** 32 + 50]));
  it("do not take a reset of a large counter for a wrap", () =>
    deepEqual(follow("counter", [2 ** 40, 50]), [2 ** 40, 2 ** 40 + 50]));
  it("hold a time that the kernel corrects, and do not count it twice", () =>
    deepEqual(follow("time", [1000, 990, 1000, 1010]), [1000, 1000, 1000, 1010]));
  it("go on with a CPU whose times begin anew", () =>
    deepEqual(follow("time", [100_000, 20, 30]), [100_000, 100_020, 100_030]));
  it("are not there when the kernel does not tell, and go on afterwards", () =>
    deepEqual(follow("counter", [100, Number.NaN, 20]), [100, Number.NaN, 120]));

  it("never go back, whatever the kernel says", () => {
    const kinds = fc.constantFrom<NumberKind>("counter", "counter32", "time");
    const said = fc.array(fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 33 })), { minLength: 2 });
    fc.assert(
      fc.property(kinds, said, (kind, numbers) => {
        const seen = follow(kind, numbers).map(Number);
        for (let index = 1; index < seen.length; index++) ok((seen[index] ?? 0) >= (seen[index - 1] ?? 0));
      }),
    );
  });

  it("go on with a device that went and came", () => {
    using folders = new KernelFolders();
    const statistics = folders.statistics();
    const received = (): number | null | undefined => sampleOf(statistics).network?.[0]?.receivedBytes;
    equal(received(), 1_000_000);
    folders.write("proc/net/dev", "");
    equal(received(), undefined);
    folders.write("proc/net/dev", netDev(70));
    equal(received(), 1_000_070);
  });

  it("go on in an agent that takes over", () => {
    using folders = new KernelFolders();
    let saved: CounterBases | undefined;
    const counters = {
      read: () => saved,
      write: (bases: CounterBases): void => {
        // As a file has it.
        saved = JSON.parse(JSON.stringify(bases)) as CounterBases;
      },
    };
    const before = folders.statistics({ counters });
    equal(sampleOf(before).network?.[0]?.receivedBytes, 1_000_000);
    equal(saved, undefined, "there is nothing to keep as long as the kernel's go on");
    folders.write("proc/net/dev", netDev(70));
    equal(sampleOf(before).network?.[0]?.receivedBytes, 1_000_070);
    folders.write("proc/net/dev", netDev(90));
    const after = folders.statistics({ counters });
    equal(sampleOf(after).network?.[0]?.receivedBytes, 1_000_090);
    equal(sampleOf(after).disks?.[0]?.reads, 100);
  });

  it("of devices that went are forgotten when there were many of them", () => {
    const values = new Values();
    const fields: NumberFields = [{ name: "x", number: 1, kind: "counter" }];
    for (let number = 0; number < 1000; number++) {
      const row = values.add(`device ${number}`, fields);
      values.set(row, 5);
      values.remove(`device ${number}`, row, fields);
    }
    equal(Object.keys(values.takeChangedBases() ?? {}).length, 128);
    equal(values.takeChangedBases(), undefined);
    const row = values.add("device 999", fields);
    values.set(row, 1);
    equal(values.copy()[row], 6);
  });

  it("of 32 bits are followed over the wrap of a disk's", () => {
    using folders = new KernelFolders();
    const line = (ms: number): string => `254 0 vda 100 5 2000 ${ms} 50 6 4000 70 0 90 100 0 0 0 0 8 9\n`;
    folders.write("proc/diskstats", line(2 ** 32 - 1));
    const statistics = folders.statistics();
    equal(sampleOf(statistics).disks?.[0]?.readMs, 2 ** 32 - 1);
    folders.write("proc/diskstats", line(9));
    equal(sampleOf(statistics).disks?.[0]?.readMs, 2 ** 32 + 9);
  });
});
