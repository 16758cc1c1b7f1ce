import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import { keyedFile, numberFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** The container's memory (cgroup-v2.rst, "Memory Interface Files"). */
export function containerMemory({ values, folders }: CollectorParts): Collector {
  const { row, slot } = slotsOf(values, "container-memory", FIELDS.ContainerMemory);
  const group = GROUP.CONTAINER_MEMORY;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.ContainerMemory })];
  const file = (name: string): string => join(folders.container, name);
  return {
    group,
    files: [
      numberFile(file("memory.current"), values, slot("current_bytes")),
      numberFile(file("memory.peak"), values, slot("peak_bytes")),
      numberFile(file("memory.max"), values, slot("limit_bytes")),
      numberFile(file("memory.swap.current"), values, slot("swap_bytes")),
      keyedFile(file("memory.stat"), values, [
        { key: "anon", slot: slot("anon_bytes") },
        { key: "file", slot: slot("file_bytes") },
        { key: "inactive_file", slot: slot("inactive_file_bytes") },
        { key: "shmem", slot: slot("shmem_bytes") },
        { key: "slab", slot: slot("slab_bytes") },
        { key: "kernel_stack", slot: slot("kernel_stack_bytes") },
        { key: "pgfault", slot: slot("page_faults") },
        { key: "pgmajfault", slot: slot("major_page_faults") },
      ]),
      keyedFile(file("memory.events"), values, [
        { key: "low", slot: slot("low_events") },
        { key: "high", slot: slot("high_events") },
        { key: "max", slot: slot("max_events") },
        { key: "oom", slot: slot("oom_events") },
        { key: "oom_kill", slot: slot("oom_kills") },
      ]),
    ],
    messages: () => messages,
  };
}
