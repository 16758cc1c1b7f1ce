/**
 * How a number behaves from sample to sample.
 *
 * - `gauge`: goes up and down.
 * - `counter`: only grows, until its device or its cgroup begins anew.
 * - `counter32`: as well, and wraps at 2^32.
 * - `time`: only grows, but for corrections of the kernel's (proc(5): iowait "is not reliable", and may go back).
 */
export type NumberKind = "gauge" | "counter" | "counter32" | "time";

/** One number of a message of proto/stats.proto. */
export interface NumberField {
  /** As in the proto file. */
  readonly name: string;
  readonly number: number;
  readonly kind: NumberKind;
}

/** The numbers of a message, which lie side by side in this order. */
export type NumberFields = readonly NumberField[];

/** The groups of proto/stats.proto. */
export const GROUP = {
  CONTAINER_CPU: 1,
  CONTAINER_MEMORY: 2,
  CONTAINER_IO: 3,
  CONTAINER_PIDS: 4,
  CONTAINER_PRESSURE: 5,
  MACHINE_CPU: 6,
  MACHINE_MEMORY: 7,
  MACHINE_SYSTEM: 8,
  NETWORK: 9,
  DISKS: 10,
  FILE_SYSTEMS: 11,
  AGENT: 12,
} as const;

export type Group = (typeof GROUP)[keyof typeof GROUP];

/** Several groups: bit `group` of each. */
export const ALL_GROUPS: number = Object.values(GROUP).reduce((mask, group) => mask | (1 << group), 0);

/** The field of Sample that holds a group's message. */
export const SAMPLE_FIELD = {
  [GROUP.CONTAINER_CPU]: 5,
  [GROUP.CONTAINER_MEMORY]: 6,
  [GROUP.CONTAINER_IO]: 7,
  [GROUP.CONTAINER_PIDS]: 8,
  [GROUP.CONTAINER_PRESSURE]: 9,
  [GROUP.MACHINE_CPU]: 10,
  [GROUP.MACHINE_MEMORY]: 11,
  [GROUP.MACHINE_SYSTEM]: 12,
  [GROUP.NETWORK]: 13,
  [GROUP.DISKS]: 14,
  [GROUP.FILE_SYSTEMS]: 15,
  [GROUP.AGENT]: 16,
} as const satisfies Record<Group, number>;

const counter = (name: string, number: number): NumberField => ({ name, number, kind: "counter" });
const counter32 = (name: string, number: number): NumberField => ({ name, number, kind: "counter32" });
const time = (name: string, number: number): NumberField => ({ name, number, kind: "time" });
const gauge = (name: string, number: number): NumberField => ({ name, number, kind: "gauge" });

/** The messages of proto/stats.proto, each number by its name and its field number. */
export const FIELDS = {
  ContainerCpu: [
    ...[counter("usage_us", 1), counter("user_us", 2), counter("system_us", 3), counter("periods", 4)],
    ...[counter("throttled_periods", 5), counter("throttled_us", 6), gauge("limit_millicpus", 7)],
  ],
  ContainerMemory: [
    ...[gauge("current_bytes", 1), gauge("peak_bytes", 2), gauge("limit_bytes", 3), gauge("anon_bytes", 4)],
    ...[gauge("file_bytes", 5), gauge("inactive_file_bytes", 6), gauge("shmem_bytes", 7)],
    ...[gauge("slab_bytes", 8), gauge("kernel_stack_bytes", 9), gauge("swap_bytes", 10)],
    ...[counter("page_faults", 11), counter("major_page_faults", 12), counter("low_events", 13)],
    ...[counter("high_events", 14), counter("max_events", 15), counter("oom_events", 16)],
    counter("oom_kills", 17),
  ],
  ContainerIoDevice: [
    ...[counter("read_bytes", 2), counter("written_bytes", 3), counter("reads", 4), counter("writes", 5)],
    ...[counter("discarded_bytes", 6), counter("discards", 7)],
  ],
  ContainerPids: [gauge("current", 1), gauge("peak", 2), gauge("limit", 3)],
  Stall: [
    ...[gauge("avg10_basis_points", 1), gauge("avg60_basis_points", 2), gauge("avg300_basis_points", 3)],
    counter("total_us", 4),
  ],
  MachineCpu: [counter("context_switches", 3), counter("interrupts", 4), counter("forks", 5)],
  CpuTimes: [
    ...[time("user_ms", 2), time("nice_ms", 3), time("system_ms", 4), time("idle_ms", 5)],
    ...[time("iowait_ms", 6), time("irq_ms", 7), time("softirq_ms", 8), time("steal_ms", 9)],
    ...[time("guest_ms", 10), time("guest_nice_ms", 11)],
  ],
  MachineMemory: [
    ...[gauge("total_bytes", 1), gauge("free_bytes", 2), gauge("available_bytes", 3)],
    ...[gauge("buffers_bytes", 4), gauge("cached_bytes", 5), gauge("shmem_bytes", 6), gauge("slab_bytes", 7)],
    ...[gauge("dirty_bytes", 8), gauge("writeback_bytes", 9), gauge("swap_total_bytes", 10)],
    gauge("swap_free_bytes", 11),
  ],
  MachineSystem: [
    ...[gauge("load1_hundredths", 1), gauge("load5_hundredths", 2), gauge("load15_hundredths", 3)],
    ...[gauge("runnable_tasks", 4), gauge("tasks", 5), gauge("uptime_ms", 6), gauge("sockets", 7)],
    ...[gauge("tcp_sockets", 8), gauge("udp_sockets", 9), gauge("entropy_bits", 10)],
    ...[gauge("clock_offset_us", 11), gauge("open_files", 12)],
  ],
  NetworkInterface: [
    ...[counter("received_bytes", 2), counter("received_packets", 3), counter("receive_errors", 4)],
    ...[counter("receive_drops", 5), counter("sent_bytes", 6), counter("sent_packets", 7)],
    ...[counter("send_errors", 8), counter("send_drops", 9)],
  ],
  // Of iostats.rst's columns only those that the kernel prints as unsigned int wrap (block/genhd.c, diskstats_show).
  Disk: [
    ...[counter("reads", 2), counter("read_bytes", 3), counter32("read_ms", 4), counter("writes", 5)],
    ...[counter("written_bytes", 6), counter32("write_ms", 7), gauge("in_flight", 8)],
    ...[counter32("busy_ms", 9), counter("discards", 10), counter("discarded_bytes", 11)],
    counter("flushes", 12),
  ],
  FileSystem: [
    ...[gauge("size_bytes", 3), gauge("used_bytes", 4), gauge("available_bytes", 5), gauge("inodes", 6)],
    gauge("used_inodes", 7),
  ],
  Agent: [
    ...[gauge("resident_bytes", 1), gauge("memory_bytes", 2), counter("cpu_us", 3)],
    ...[gauge("event_loop_delay_us", 4), gauge("sampling_us", 5), counter("restarts", 6)],
  ],
} as const satisfies Record<string, NumberFields>;

/** Where a number lies among its message's. @throws Error for a name that the message does not have. */
export function indexOf<Name extends keyof typeof FIELDS>(
  message: Name,
  field: (typeof FIELDS)[Name][number]["name"],
): number {
  return FIELDS[message].findIndex(({ name }) => name === field);
}
