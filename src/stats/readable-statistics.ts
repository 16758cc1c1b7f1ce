import type { tether } from "../protocol/generated/stats.js";

type Sample = tether.stats.Sample.$Properties;
type Optional = number | null | undefined;

/** What a person wants to know at a glance, by its name; undefined for what the kernel does not tell. */
export type ReadableStatistics = ReadonlyMap<string, string | undefined>;

/**
 * Makes two samples, one some time after the other, readable: rates are over the time between them, and everything is
 * the container's, but for the network, which is all of the VM's.
 */
export function readableStatistics(before: Sample, now: Sample): ReadableStatistics {
  const seconds = ((now.monotonicUs ?? 0) - (before.monotonicUs ?? 0)) / 1_000_000;
  const rate = (total: (sample: Sample) => Optional): number | undefined => {
    const [from, to] = [total(before), total(now)];
    return isKnown(from) && isKnown(to) && seconds > 0 ? Math.max(to - from, 0) / seconds : undefined;
  };
  const memory = now.containerMemory;
  const cpu = rate((sample) => sample.containerCpu?.usageUs);
  return new Map([
    // Of one CPU: 200 are two of them.
    ["cpu_percent", cpu === undefined ? undefined : (cpu / 10_000).toFixed(1)],
    ["memory_used_bytes", whole(difference(memory?.currentBytes, memory?.inactiveFileBytes))],
    ["memory_limit_bytes", whole(memory?.limitBytes ?? now.machineMemory?.totalBytes)],
    ["network_received_bytes_per_second", whole(rate((sample) => sum(sample.network, "receivedBytes")))],
    ["network_sent_bytes_per_second", whole(rate((sample) => sum(sample.network, "sentBytes")))],
    ["disk_read_bytes_per_second", whole(rate((sample) => sum(sample.containerIo?.devices, "readBytes")))],
    [
      "disk_written_bytes_per_second",
      whole(rate((sample) => sum(sample.containerIo?.devices, "writtenBytes"))),
    ],
    ["pids", whole(now.containerPids?.current)],
    ["oom_kills", whole(memory?.oomKills)],
  ]);
}

function isKnown(value: Optional): value is number {
  return value !== null && value !== undefined;
}

function whole(value: Optional): string | undefined {
  return isKnown(value) ? String(Math.round(value)) : undefined;
}

/** As `docker stats` has it: what can be given back at once is not used. */
function difference(value: Optional, part: Optional): Optional {
  return isKnown(value) ? Math.max(value - (part ?? 0), 0) : undefined;
}

/** Undefined when there is no such device at all: there is nothing to have a rate. */
function sum<Name extends string>(
  entries: ReadonlyArray<{ readonly [Key in Name]?: number | null }> | null | undefined,
  name: Name,
): number | undefined {
  if (!entries?.length) return undefined;
  return entries.reduce((total, entry) => total + (entry[name] ?? 0), 0);
}
