import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import { keyedFile, numberFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

const SLASH = 0x2f;
/** /proc/uptime is in hundredths of a second. */
const HUNDREDTH_MS = 10;

/** Load, tasks, sockets, entropy and clock of the whole VM (proc(5)). */
export function machineSystem(
  { values, folders }: CollectorParts,
  clockOffsetUs: () => number | undefined,
): Collector {
  const { row, slot } = slotsOf(values, "machine-system", FIELDS.MachineSystem);
  const group = GROUP.MACHINE_SYSTEM;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.MachineSystem })];
  const file = (name: string): string => join(folders.proc, name);
  return {
    group,
    files: [
      loadFile(file("loadavg"), values, slot("load1_hundredths")),
      uptimeFile(file("uptime"), values, slot("uptime_ms")),
      keyedFile(file("net/sockstat"), values, [
        { key: "sockets:", slot: slot("sockets"), skippedWords: 1 },
        { key: "TCP:", slot: slot("tcp_sockets"), skippedWords: 1 },
        { key: "UDP:", slot: slot("udp_sockets"), skippedWords: 1 },
      ]),
      numberFile(file("sys/kernel/random/entropy_avail"), values, slot("entropy_bits")),
      numberFile(file("sys/fs/file-nr"), values, slot("open_files")),
    ],
    messages: () => messages,
    refresh: () => values.set(slot("clock_offset_us"), clockOffsetUs() ?? Number.NaN),
  };
}

/** `0.20 0.18 0.12 1/80 11206`: three loads, tasks that run and all of them, which are five numbers of the message. */
function loadFile(path: string, values: Values, row: number): KernelFile {
  const numbers = 5;
  return {
    path,
    parse: (scanner) => {
      for (let index = 0; index < 3; index++) values.set(row + index, scanner.hundredthsFor(row + index));
      values.set(row + 3, scanner.numberFor(row + 3));
      values.set(row + 4, scanner.pass(SLASH) ? scanner.numberFor(row + 4) : Number.NaN);
    },
    clear: () => values.clear(row, numbers),
  };
}

/** `350735.47 234388.90`: the time since the VM was started, and how long its CPUs were idle. */
function uptimeFile(path: string, values: Values, slot: number): KernelFile {
  return {
    path,
    parse: (scanner) => values.set(slot, scanner.hundredthsFor(slot, HUNDREDTH_MS)),
    clear: () => values.clear(slot, 1),
  };
}
