import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import { keyedFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** What /proc/meminfo means by `kB`. */
const KIB = 1024;

/** Memory of the whole VM (proc(5), /proc/meminfo). */
export function machineMemory({ values, folders }: CollectorParts): Collector {
  const { row, slot } = slotsOf(values, "machine-memory", FIELDS.MachineMemory);
  const group = GROUP.MACHINE_MEMORY;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.MachineMemory })];
  return {
    group,
    files: [
      keyedFile(join(folders.proc, "meminfo"), values, [
        { key: "MemTotal:", slot: slot("total_bytes"), scale: KIB },
        { key: "MemFree:", slot: slot("free_bytes"), scale: KIB },
        { key: "MemAvailable:", slot: slot("available_bytes"), scale: KIB },
        { key: "Buffers:", slot: slot("buffers_bytes"), scale: KIB },
        { key: "Cached:", slot: slot("cached_bytes"), scale: KIB },
        { key: "Shmem:", slot: slot("shmem_bytes"), scale: KIB },
        { key: "Slab:", slot: slot("slab_bytes"), scale: KIB },
        { key: "Dirty:", slot: slot("dirty_bytes"), scale: KIB },
        { key: "Writeback:", slot: slot("writeback_bytes"), scale: KIB },
        { key: "SwapTotal:", slot: slot("swap_total_bytes"), scale: KIB },
        { key: "SwapFree:", slot: slot("swap_free_bytes"), scale: KIB },
      ]),
    ],
    messages: () => messages,
  };
}
