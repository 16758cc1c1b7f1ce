import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { kernelFileSource } from "../../../src/stats/index.ts";
import { NUMBERS_PER_PLACE } from "../../../src/stats/reading/kernel-files.ts";
import type { FileBatch } from "../../../src/system/system.ts";
import { KERNEL_FILES, KernelFolders, plain, type Sample, sampleOf } from "../../support/kernel-folders.ts";
import { nativeSystem } from "../../support/native-system.ts";

/** What changes in a file of the kernel's: a number, or what cannot be told as one. */
const CHANGES = fc.oneof(
  ...[fc.nat(9), fc.nat(2000), fc.nat(10 ** 9), fc.maxSafeNat()].map((number) => number.map(String)),
  fc.constantFrom("max", "-1", "1.25", "99999999999999999999", "", "0", " 7", "12x", "eth1:", "\n"),
);
/** Which file, which of its numbers, and what comes in its place. */
type Step = [file: string, place: number, change: string];
const STEP: fc.Arbitrary<Step> = fc.tuple(fc.constantFrom(...Object.keys(KERNEL_FILES)), fc.nat(40), CHANGES);

/** Of each file that has numbers which nobody wants: one of these becomes another one. */
const POINTS_IN_NUMBERS: readonly Step[][][] = ["proc/diskstats", "proc/net/dev", "proc/self/statm"].flatMap(
  (name) =>
    [0, 2, 5, 6].map((place): Step[][] => [
      [[name, place, "1.25"]],
      [[name, place + 1, "26"]],
      [[name, place, "2"]],
    ]),
);

function changed(text: string, place: number, change: string): string {
  const numbers = [...text.matchAll(/\d+/g)];
  const number = numbers[place % Math.max(numbers.length, 1)];
  if (number === undefined) return text + change;
  return text.slice(0, number.index) + change + text.slice(number.index + number[0].length);
}

/** Without the times, and what the agent knows of itself. */
function comparable(sample: Sample): unknown {
  return plain({ ...sample, monotonicUs: 0, wallUs: 0, agent: { ...sample.agent, samplingUs: 0 } });
}

describe("numbers that are followed", () => {
  it("are those that whoever looks at the whole file finds, whatever changes", function () {
    // Many runs, each with files: on a loaded machine more than the usual limit.
    this.timeout(60_000);
    fc.assert(
      fc.property(fc.array(fc.array(STEP, { maxLength: 5 }), { minLength: 2, maxLength: 8 }), (readings) => {
        using folders = new KernelFolders();
        const followed = folders.statistics();
        const looked = folders.statistics({
          files: { ...kernelFileSource(nativeSystem()), followsNumbers: false },
        });
        const texts = new Map(Object.entries(KERNEL_FILES));
        deepEqual(comparable(sampleOf(followed)), comparable(sampleOf(looked)));
        for (const steps of readings) {
          for (const [name, place, change] of steps) {
            texts.set(name, changed(texts.get(name) ?? "", place, change));
            folders.write(name, texts.get(name) ?? "");
          }
          deepEqual(comparable(sampleOf(followed)), comparable(sampleOf(looked)));
        }
      }),
      { numRuns: 40, examples: POINTS_IN_NUMBERS.map((readings): [typeof readings] => [readings]) },
    );
  });

  it("need nobody to look at their files", () => {
    using folders = new KernelFolders();
    const source = kernelFileSource(nativeSystem());
    let lookedAt: unknown[] = [];
    const read = (batch: FileBatch): number => {
      const toLookAt = source.read(batch);
      lookedAt = statistics.paths.filter((_path, index) => batch.places[index * NUMBERS_PER_PLACE + 3] === 1);
      equal(toLookAt, lookedAt.length);
      return toLookAt;
    };
    const statistics = folders.statistics({ files: { ...source, read } });
    sampleOf(statistics);
    ok(lookedAt.length > 20, "at first at all of them");
    for (const [name, text] of Object.entries(KERNEL_FILES))
      if (!name.startsWith("sys/") && !name.endsWith("cpu.max"))
        // Interfaces, devices and processors keep their names.
        folders.write(
          name,
          text.replaceAll(/(?<=[ \t=])\d+\b(?!:)|^\d+\b(?!:)/g, (digits) => `${digits}1`),
        );
    const { containerCpu, containerIo, machineMemory, machineSystem } = sampleOf(statistics);
    deepEqual(lookedAt, []);
    deepEqual(
      [containerCpu?.usageUs, containerIo?.devices?.[0]?.readBytes, machineMemory?.freeBytes],
      [15_000_001, 10_485_761, 3_000_001 * 1024],
    );
    equal(machineSystem?.load1Hundredths, 125);
  });
});
