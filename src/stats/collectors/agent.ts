import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import { keyedFile, numberFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** What the agent knows of itself, as far as it is known. */
export interface AgentFacts {
  /** How often it has been started again. */
  readonly restarts?: number;
  /** How late its timers were at most since this was asked before, in microseconds. */
  takeEventLoopDelayUs?(): number;
  /** How long the reading before this one took, in microseconds. */
  samplingUs?(): number | undefined;
}

/** x86-64's. */
const PAGE_BYTES = 4096;

/** The agent itself. */
export function agent({ values, folders }: CollectorParts, facts: AgentFacts): Collector {
  const { row, slot } = slotsOf(values, "agent", FIELDS.Agent);
  const group = GROUP.AGENT;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.Agent })];
  return {
    group,
    files: [
      residentFile(join(folders.proc, "self/statm"), values, slot("resident_bytes")),
      numberFile(join(folders.tether, "memory.current"), values, slot("memory_bytes")),
      keyedFile(join(folders.tether, "cpu.stat"), values, [{ key: "usage_usec", slot: slot("cpu_us") }]),
    ],
    messages: () => messages,
    refresh: () => {
      values.set(slot("event_loop_delay_us"), facts.takeEventLoopDelayUs?.() ?? Number.NaN);
      values.set(slot("sampling_us"), facts.samplingUs?.() ?? Number.NaN);
      values.set(slot("restarts"), facts.restarts ?? Number.NaN);
    },
  };
}

/** `SIZE RESIDENT SHARED ...` in pages (proc(5)). */
function residentFile(path: string, values: Values, slot: number): KernelFile {
  return {
    path,
    parse: (scanner) => {
      scanner.word();
      values.set(slot, scanner.numberFor(slot, PAGE_BYTES));
    },
    clear: () => values.clear(slot, 1),
  };
}
