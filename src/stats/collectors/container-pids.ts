import { join } from "node:path";
import { messageShape } from "../encoding/shape.ts";
import { numberFile } from "../reading/keyed-file.ts";
import { FIELDS, GROUP, SAMPLE_FIELD } from "../values/schema.ts";
import { type Collector, type CollectorParts, slotsOf } from "./collector.ts";

/** The container's processes and threads (cgroup-v2.rst, "PID Interface Files"). */
export function containerPids({ values, folders }: CollectorParts): Collector {
  const { row, slot } = slotsOf(values, "container-pids", FIELDS.ContainerPids);
  const group = GROUP.CONTAINER_PIDS;
  const messages = [messageShape({ field: SAMPLE_FIELD[group], row, numbers: FIELDS.ContainerPids })];
  return {
    group,
    files: [
      numberFile(join(folders.container, "pids.current"), values, slot("current")),
      numberFile(join(folders.container, "pids.peak"), values, slot("peak")),
      numberFile(join(folders.container, "pids.max"), values, slot("limit")),
    ],
    messages: () => messages,
  };
}
