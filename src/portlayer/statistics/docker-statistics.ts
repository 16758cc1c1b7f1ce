import { machineTimeUs, onlineCpus } from "./figures.ts";
import type { Sample } from "./sample-shape.ts";

/** Whose statistics they are. */
export interface StatisticsOwner {
  readonly id: string;
  readonly name: string;
}

/** The time of a sample that there is not, as Go prints it. */
const NO_TIME = "0001-01-01T00:00:00Z";

/**
 * One answer of Docker's `GET /containers/{id}/stats`, in the shape of a host with cgroup v2 (API 1.41 to 1.51): what
 * the guest's kernel does not tell is left out there, or 0 where the API has a number always.
 *
 * Nanoseconds above 2^53 (104 days of CPU time) are rounded to some hundreds: the guest counts microseconds.
 *
 * @param now undefined for a container that does not run.
 * @param before the sample that a client takes differences to; undefined for the first of a stream, and `one-shot`.
 */
export function dockerStatistics(
  { id, name }: StatisticsOwner,
  now: Sample | undefined,
  before: Sample | undefined,
): object {
  return {
    id,
    name: `/${name}`,
    read: timeOf(now),
    preread: timeOf(before),
    pids_stats: pids(now),
    blkio_stats: blockIo(now),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpu(now),
    precpu_stats: cpu(before),
    memory_stats: memory(now),
    ...networks(now),
  };
}

/** RFC 3339 with as many digits of the fraction as there are. */
function timeOf(sample: Sample | undefined): string {
  if (sample === undefined) return NO_TIME;
  const second = Math.floor(sample.wallUs / 1e6);
  const fraction = String(sample.wallUs - second * 1e6)
    .padStart(6, "0")
    .replace(/0+$/, "");
  const whole = new Date(second * 1000).toISOString().replace(/\.000Z$/, "");
  return fraction === "" ? `${whole}Z` : `${whole}.${fraction}Z`;
}

function pids(sample: Sample | undefined): object {
  const { current, limit } = sample?.containerPids ?? {};
  return defined({ current, limit });
}

function cpu(sample: Sample | undefined): object {
  const { usageUs = 0, userUs = 0, systemUs = 0, ...throttling } = sample?.containerCpu ?? {};
  return {
    cpu_usage: {
      total_usage: usageUs * 1000,
      usage_in_kernelmode: systemUs * 1000,
      usage_in_usermode: userUs * 1000,
    },
    ...(sample && { system_cpu_usage: machineTimeUs(sample) * 1000, online_cpus: onlineCpus(sample) }),
    throttling_data: {
      periods: throttling.periods ?? 0,
      throttled_periods: throttling.throttledPeriods ?? 0,
      throttled_time: (throttling.throttledUs ?? 0) * 1000,
    },
  };
}

function memory(sample: Sample | undefined): object {
  const { containerMemory, machineMemory } = sample ?? {};
  if (containerMemory === undefined) return {};
  return defined({
    usage: containerMemory.currentBytes,
    // Docker's name for peak_bytes, which it does not have with cgroup v2.
    max_usage: containerMemory.peakBytes,
    stats: defined({
      anon: containerMemory.anonBytes,
      file: containerMemory.fileBytes,
      inactive_file: containerMemory.inactiveFileBytes,
      kernel_stack: containerMemory.kernelStackBytes,
      pgfault: containerMemory.pageFaults,
      pgmajfault: containerMemory.majorPageFaults,
      shmem: containerMemory.shmemBytes,
      slab: containerMemory.slabBytes,
    }),
    limit: containerMemory.limitBytes ?? machineMemory?.totalBytes,
  });
}

/** dockerd has more lists here, which are null with cgroup v2. */
function blockIo(sample: Sample | undefined): object {
  const devices = sample?.containerIo?.devices;
  const list = (
    entries: ReadonlyArray<readonly [op: string, field: "readBytes" | "writtenBytes" | "reads" | "writes"]>,
  ) =>
    devices?.flatMap((device) => {
      const [major, minor] = device.device.split(":").map(Number);
      return entries.map(([op, field]) => ({ major, minor, op, value: device[field] ?? 0 }));
    }) ?? null;
  return {
    io_service_bytes_recursive: list([
      ["read", "readBytes"],
      ["write", "writtenBytes"],
    ]),
    io_serviced_recursive: list([
      ["read", "reads"],
      ["write", "writes"],
    ]),
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function networks(sample: Sample | undefined): object {
  const { network = [] } = sample ?? {};
  if (network.length === 0) return {};
  const entries = network.map((each) => [
    each.name,
    {
      rx_bytes: each.receivedBytes ?? 0,
      rx_packets: each.receivedPackets ?? 0,
      rx_errors: each.receiveErrors ?? 0,
      rx_dropped: each.receiveDrops ?? 0,
      tx_bytes: each.sentBytes ?? 0,
      tx_packets: each.sentPackets ?? 0,
      tx_errors: each.sendErrors ?? 0,
      tx_dropped: each.sendDrops ?? 0,
    },
  ]);
  return { networks: Object.fromEntries(entries) as object };
}

function defined(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
