import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import type { KernelFile } from "../reading/kernel-files.ts";
import { keyedFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import type { Values } from "../values/values.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** The container's CPU time, and how far it is limited (cgroup-v2.rst, "CPU Interface Files"). */
export function containerCpu({ values, folders }: CollectorParts): Collector {
  const { row, slot } = slotsOf(values, "container-cpu", FIELDS.ContainerCpu);
  const group = GROUP.CONTAINER_CPU;
  const message = messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.ContainerCpu });
  const messages = [message];
  return {
    group,
    files: [
      keyedFile(join(folders.container, "cpu.stat"), values, [
        { key: "usage_usec", slot: slot("usage_us") },
        { key: "user_usec", slot: slot("user_us") },
        { key: "system_usec", slot: slot("system_us") },
        { key: "nr_periods", slot: slot("periods") },
        { key: "nr_throttled", slot: slot("throttled_periods") },
        { key: "throttled_usec", slot: slot("throttled_us") },
      ]),
      limitFile(join(folders.container, "cpu.max"), values, slot("limit_millicpus")),
    ],
    messages: () => messages,
  };
}

/** `QUOTA PERIOD`, or `max PERIOD`. */
function limitFile(path: string, values: Values, slot: number): KernelFile {
  return {
    path,
    parse: (scanner) => {
      const quota = scanner.number();
      const period = scanner.number();
      values.set(slot, period > 0 ? Math.round((quota * 1000) / period) : Number.NaN);
    },
    clear: () => values.set(slot, Number.NaN),
  };
}
