import { join } from "node:path";
import { type MessageShape, messageShape, numberField } from "../encoding/shape.ts";
import { EntryList } from "../reading/entry-list.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import type { Scanner } from "../reading/scanner.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** The fields of MachineCpu and CpuTimes that are no numbers that change. */
const TOTAL_FIELD = 1;
const CPUS_FIELD = 2;
const CPU_FIELD = 1;

/** USER_HZ, which is 100 on every machine that Linux runs on today. */
const TICK_MS = 10;

const TOTAL = Buffer.from("cpu");
/** `cp`, as only those lines begin that have CPU times. */
const LETTER_C = 0x63;
const LETTER_P = 0x70;

/** CPU time of the whole VM (proc(5), /proc/stat). */
export function machineCpu({ values, folders }: CollectorParts): Collector {
  const { row, slot } = slotsOf(values, "machine-cpu", FIELDS.MachineCpu);
  const total = values.add("machine-cpu-total", FIELDS.CpuTimes);
  const cpus = new EntryList({
    ...{ values, name: "cpu", field: CPUS_FIELD, numbers: FIELDS.CpuTimes },
    identify: (name) => {
      const number = /^cpu(?<number>\d{1,5})$/.exec(name)?.groups?.["number"];
      return number === undefined ? undefined : { identity: numberField(CPU_FIELD, Number(number)) };
    },
  });
  const totalMessage = messageShape({ field: TOTAL_FIELD, row: total, numbers: FIELDS.CpuTimes });
  const group = GROUP.MACHINE_CPU;
  let before: readonly MessageShape[] | undefined;
  let messages: readonly MessageShape[] = [];
  const others = [
    { key: Buffer.from("intr"), slot: slot("interrupts"), isLast: false },
    { key: Buffer.from("ctxt"), slot: slot("context_switches"), isLast: false },
    { key: Buffer.from("processes"), slot: slot("forks"), isLast: true },
  ];
  return {
    group,
    files: [statFile(join(folders.proc, "stat"), values, { row, total, cpus, others })],
    messages: () => {
      if (before === cpus.messages) return messages;
      before = cpus.messages;
      const children = [totalMessage, ...before];
      const numbers = FIELDS.MachineCpu;
      messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers, children })];
      return messages;
    },
  };
}

interface StatTargets {
  readonly row: number;
  readonly total: number;
  readonly cpus: EntryList;
  readonly others: ReadonlyArray<{
    readonly key: Uint8Array;
    readonly slot: number;
    /** Of those that are wanted, in the kernel's order. */
    readonly isLast: boolean;
  }>;
}

function statFile(path: string, values: Values, { row, total, cpus, others }: StatTargets): KernelFile {
  const parseTimes = (scanner: Scanner, times: number): void => {
    for (let index = 0; index < FIELDS.CpuTimes.length; index++)
      values.set(times + index, scanner.numberFor(times + index, TICK_MS));
  };
  /** @returns false when nothing else of the file is wanted. */
  const parseLine = (scanner: Scanner): boolean => {
    const first = scanner.bytes[scanner.at];
    if (first === LETTER_C && scanner.bytes[scanner.at + 1] === LETTER_P) {
      scanner.word();
      const times = scanner.isWord(TOTAL) ? total : cpus.find(scanner);
      if (times !== undefined) parseTimes(scanner, times);
      return true;
    }
    scanner.word();
    for (const { key, slot, isLast } of others)
      if (scanner.isWord(key)) {
        values.set(slot, scanner.numberFor(slot));
        return !isLast;
      }
    return true;
  };
  const clear = (): void => {
    values.clear(row, FIELDS.MachineCpu.length);
    values.clear(total, FIELDS.CpuTimes.length);
  };
  return {
    path,
    parse: (scanner) => {
      cpus.begin();
      // A line of interrupts has a number for each that there could be.
      while (!scanner.isAtEnd && parseLine(scanner)) scanner.skipLongLine();
      cpus.end();
    },
    clear: () => {
      clear();
      cpus.clear();
    },
  };
}
