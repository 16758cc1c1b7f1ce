import { byWord, fromMicroseconds, listed, type Metric, single } from "./metric.ts";

const eachIoDevice = listed(
  ({ containerIo }) => containerIo?.devices,
  ({ device }) => ({ device }),
  ["device"],
);

const THOUSANDTHS = 1e-3;

/** What the container's processes use, by its cgroup. */
export const CONTAINER_METRICS: readonly Metric[] = [
  single(
    "tether_container_cpu_seconds_total",
    "CPU time of the container's processes.",
    ({ containerCpu }) => containerCpu?.usageUs,
    fromMicroseconds,
  ),
  byWord(
    "tether_container_cpu_mode_seconds_total",
    "CPU time of the container's processes in user and in kernel mode.",
    "mode",
    {
      user: ({ containerCpu }) => containerCpu?.userUs,
      system: ({ containerCpu }) => containerCpu?.systemUs,
    },
    fromMicroseconds,
  ),
  single(
    "tether_container_cpu_periods_total",
    "Periods of the container's CPU limit.",
    ({ containerCpu }) => containerCpu?.periods,
  ),
  single(
    "tether_container_cpu_throttled_periods_total",
    "Periods in which the container had used up its CPU limit.",
    ({ containerCpu }) => containerCpu?.throttledPeriods,
  ),
  single(
    "tether_container_cpu_throttled_seconds_total",
    "Time that the container's processes were kept from a CPU by its limit.",
    ({ containerCpu }) => containerCpu?.throttledUs,
    fromMicroseconds,
  ),
  single(
    "tether_container_cpu_limit_cpus",
    "The container's CPU limit, in CPUs. Absent without a limit.",
    ({ containerCpu }) => containerCpu?.limitMillicpus,
    THOUSANDTHS,
  ),
  single(
    "tether_container_memory_usage_bytes",
    "Memory that is accounted to the container, with its cache of files.",
    ({ containerMemory }) => containerMemory?.currentBytes,
  ),
  single(
    "tether_container_memory_working_set_bytes",
    "Memory of the container without the files that the kernel can drop at once: what docker stats shows.",
    ({ containerMemory: { currentBytes, inactiveFileBytes = 0 } = {} }) =>
      currentBytes === undefined ? undefined : Math.max(0, currentBytes - inactiveFileBytes),
  ),
  single(
    "tether_container_memory_peak_bytes",
    "The most memory that was accounted to the container.",
    ({ containerMemory }) => containerMemory?.peakBytes,
  ),
  single(
    "tether_container_memory_limit_bytes",
    "The container's memory limit. Absent without a limit.",
    ({ containerMemory }) => containerMemory?.limitBytes,
  ),
  byWord(
    "tether_container_memory_part_bytes",
    "What the container's memory is used for. The parts overlap.",
    "part",
    {
      anon: ({ containerMemory }) => containerMemory?.anonBytes,
      file: ({ containerMemory }) => containerMemory?.fileBytes,
      inactive_file: ({ containerMemory }) => containerMemory?.inactiveFileBytes,
      shmem: ({ containerMemory }) => containerMemory?.shmemBytes,
      slab: ({ containerMemory }) => containerMemory?.slabBytes,
      kernel_stack: ({ containerMemory }) => containerMemory?.kernelStackBytes,
    },
  ),
  single(
    "tether_container_memory_swap_bytes",
    "Memory of the container that is swapped out.",
    ({ containerMemory }) => containerMemory?.swapBytes,
  ),
  single(
    "tether_container_page_faults_total",
    "Page faults of the container's processes.",
    ({ containerMemory }) => containerMemory?.pageFaults,
  ),
  single(
    "tether_container_major_page_faults_total",
    "Page faults that had to wait for a disk.",
    ({ containerMemory }) => containerMemory?.majorPageFaults,
  ),
  byWord(
    "tether_container_memory_events_total",
    "How often the container came to a boundary of its memory.",
    "event",
    {
      low: ({ containerMemory }) => containerMemory?.lowEvents,
      high: ({ containerMemory }) => containerMemory?.highEvents,
      max: ({ containerMemory }) => containerMemory?.maxEvents,
      oom: ({ containerMemory }) => containerMemory?.oomEvents,
    },
  ),
  single(
    "tether_container_oom_kills_total",
    "Processes of the container that the kernel has killed for want of memory.",
    ({ containerMemory }) => containerMemory?.oomKills,
  ),
  eachIoDevice(
    "tether_container_io_read_bytes_total",
    "Bytes that the container has read from a device.",
    ({ readBytes }) => readBytes,
  ),
  eachIoDevice(
    "tether_container_io_written_bytes_total",
    "Bytes that the container has written to a device.",
    ({ writtenBytes }) => writtenBytes,
  ),
  eachIoDevice(
    "tether_container_io_reads_total",
    "Read operations of the container on a device.",
    ({ reads }) => reads,
  ),
  eachIoDevice(
    "tether_container_io_writes_total",
    "Write operations of the container on a device.",
    ({ writes }) => writes,
  ),
  eachIoDevice(
    "tether_container_io_discarded_bytes_total",
    "Bytes that the container has discarded on a device.",
    ({ discardedBytes }) => discardedBytes,
  ),
  eachIoDevice(
    "tether_container_io_discards_total",
    "Discard operations of the container on a device.",
    ({ discards }) => discards,
  ),
  single(
    "tether_container_pids",
    "Processes and threads of the container.",
    ({ containerPids }) => containerPids?.current,
  ),
  single(
    "tether_container_pids_peak",
    "The most processes and threads that the container had.",
    ({ containerPids }) => containerPids?.peak,
  ),
  single(
    "tether_container_pids_limit",
    "The container's limit of processes and threads. Absent without a limit.",
    ({ containerPids }) => containerPids?.limit,
  ),
  byWord(
    "tether_container_pressure_waiting_seconds_total",
    "Time during which some process of the container waited for a resource (PSI).",
    "resource",
    {
      cpu: ({ containerPressure }) => containerPressure?.cpu?.some?.totalUs,
      memory: ({ containerPressure }) => containerPressure?.memory?.some?.totalUs,
      io: ({ containerPressure }) => containerPressure?.io?.some?.totalUs,
    },
    fromMicroseconds,
  ),
  byWord(
    "tether_container_pressure_stalled_seconds_total",
    "Time during which all processes of the container waited for a resource (PSI).",
    "resource",
    {
      cpu: ({ containerPressure }) => containerPressure?.cpu?.full?.totalUs,
      memory: ({ containerPressure }) => containerPressure?.memory?.full?.totalUs,
      io: ({ containerPressure }) => containerPressure?.io?.full?.totalUs,
    },
    fromMicroseconds,
  ),
];
