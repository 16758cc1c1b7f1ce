import type { Sample } from "../../portlayer/statistics/index.ts";
import {
  fromBits,
  fromHundredths,
  fromMicroseconds,
  fromMilliseconds,
  listed,
  type Metric,
  type MetricValue,
  single,
} from "./metric.ts";

type Cpu = NonNullable<NonNullable<Sample["machineCpu"]>["cpus"]>[number];
type Memory = NonNullable<Sample["machineMemory"]>;
type System = NonNullable<Sample["machineSystem"]>;
type Agent = NonNullable<Sample["agent"]>;

const ofMemory = (name: string, help: string, read: (memory: Memory) => number | undefined): Metric =>
  single(
    `tether_machine_memory_${name}_bytes`,
    help,
    ({ machineMemory }) => machineMemory && read(machineMemory),
  );

const ofSystem = (
  name: string,
  help: string,
  read: (system: System) => number | undefined,
  scale?: number,
): Metric =>
  single(`tether_machine_${name}`, help, ({ machineSystem }) => machineSystem && read(machineSystem), scale);

const ofAgent = (
  name: string,
  help: string,
  read: (agent: Agent) => number | undefined,
  scale?: number,
): Metric => single(`tether_agent_${name}`, help, ({ agent }) => agent && read(agent), scale);

const eachInterface = listed(
  ({ network }) => network,
  ({ name }) => ({ interface: name }),
  ["interface"],
);

const eachDisk = listed(
  ({ disks }) => disks,
  ({ name }) => ({ disk: name }),
  ["disk"],
);

const eachFileSystem = listed(
  ({ fileSystems }) => fileSystems,
  ({ mountPoint, type }) => ({ mount_point: mountPoint, type }),
  ["mount_point", "type"],
);

/** /proc/stat counts `guest` in `user` and `guest_nice` in `nice` already: left out, so that the modes add up. */
const MODES: Readonly<Record<string, (cpu: Cpu) => number | undefined>> = {
  user: ({ userMs }) => userMs,
  nice: ({ niceMs }) => niceMs,
  system: ({ systemMs }) => systemMs,
  idle: ({ idleMs }) => idleMs,
  iowait: ({ iowaitMs }) => iowaitMs,
  irq: ({ irqMs }) => irqMs,
  softirq: ({ softirqMs }) => softirqMs,
  steal: ({ stealMs }) => stealMs,
};

const MACHINE_CPU: Metric = {
  name: "tether_machine_cpu_seconds_total",
  help: "Time of each of the machine's CPUs in each mode.",
  type: "counter",
  labels: ["cpu", "mode"],
  read: ({ machineCpu }) =>
    (machineCpu?.cpus ?? []).flatMap((each) =>
      Object.entries(MODES).flatMap(([mode, read]): MetricValue[] => {
        const milliseconds = read(each);
        return milliseconds === undefined
          ? []
          : [{ labels: { cpu: each.cpu, mode }, value: milliseconds / 1000 }];
      }),
    ),
};

/** The whole VM: container, agent and kernel. */
export const MACHINE_METRICS: readonly Metric[] = [
  MACHINE_CPU,
  single(
    "tether_machine_context_switches_total",
    "Context switches of the machine.",
    ({ machineCpu }) => machineCpu?.contextSwitches,
  ),
  single(
    "tether_machine_interrupts_total",
    "Interrupts of the machine.",
    ({ machineCpu }) => machineCpu?.interrupts,
  ),
  single(
    "tether_machine_forks_total",
    "Processes that were ever started.",
    ({ machineCpu }) => machineCpu?.forks,
  ),
  ofMemory(
    "total",
    "Memory of the machine, without what the kernel keeps for itself.",
    ({ totalBytes }) => totalBytes,
  ),
  ofMemory("free", "Memory that nobody uses.", ({ freeBytes }) => freeBytes),
  ofMemory("available", "Memory that can be had without swapping.", ({ availableBytes }) => availableBytes),
  ofMemory("buffers", "Buffers of block devices.", ({ buffersBytes }) => buffersBytes),
  ofMemory("cached", "Files that are cached.", ({ cachedBytes }) => cachedBytes),
  ofMemory("shmem", "Shared memory and tmpfs.", ({ shmemBytes }) => shmemBytes),
  ofMemory("slab", "The kernel's own objects.", ({ slabBytes }) => slabBytes),
  ofMemory("dirty", "What waits to be written.", ({ dirtyBytes }) => dirtyBytes),
  ofMemory("writeback", "What is being written.", ({ writebackBytes }) => writebackBytes),
  ofMemory("swap_total", "Swap space.", ({ swapTotalBytes }) => swapTotalBytes),
  ofMemory("swap_free", "Swap space that is free.", ({ swapFreeBytes }) => swapFreeBytes),
  ofSystem("load1", "Load of the last minute.", ({ load1Hundredths }) => load1Hundredths, fromHundredths),
  ofSystem(
    "load5",
    "Load of the last five minutes.",
    ({ load5Hundredths }) => load5Hundredths,
    fromHundredths,
  ),
  ofSystem(
    "load15",
    "Load of the last 15 minutes.",
    ({ load15Hundredths }) => load15Hundredths,
    fromHundredths,
  ),
  ofSystem(
    "runnable_tasks",
    "Processes and threads that run or could.",
    ({ runnableTasks }) => runnableTasks,
  ),
  ofSystem("tasks", "Processes and threads of the machine.", ({ tasks }) => tasks),
  ofSystem("uptime_seconds", "Time since the machine's start.", ({ uptimeMs }) => uptimeMs, fromMilliseconds),
  ofSystem("sockets", "Sockets in use.", ({ sockets }) => sockets),
  ofSystem("tcp_sockets", "TCP sockets in use.", ({ tcpSockets }) => tcpSockets),
  ofSystem("udp_sockets", "UDP sockets in use.", ({ udpSockets }) => udpSockets),
  ofSystem("entropy_bytes", "Randomness that the kernel has.", ({ entropyBits }) => entropyBits, fromBits),
  ofSystem(
    "clock_offset_seconds",
    "How far the wall clock was off when it was last set from the host.",
    ({ clockOffsetUs }) => clockOffsetUs,
    fromMicroseconds,
  ),
  ofSystem("open_files", "Open files.", ({ openFiles }) => openFiles),
];

/** vNICs, disks and file systems. */
export const DEVICE_METRICS: readonly Metric[] = [
  eachInterface(
    "tether_network_received_bytes_total",
    "Bytes received.",
    ({ receivedBytes }) => receivedBytes,
  ),
  eachInterface(
    "tether_network_received_packets_total",
    "Packets received.",
    ({ receivedPackets }) => receivedPackets,
  ),
  eachInterface(
    "tether_network_receive_errors_total",
    "Errors in receiving.",
    ({ receiveErrors }) => receiveErrors,
  ),
  eachInterface(
    "tether_network_receive_drops_total",
    "Packets dropped in receiving.",
    ({ receiveDrops }) => receiveDrops,
  ),
  eachInterface("tether_network_sent_bytes_total", "Bytes sent.", ({ sentBytes }) => sentBytes),
  eachInterface("tether_network_sent_packets_total", "Packets sent.", ({ sentPackets }) => sentPackets),
  eachInterface("tether_network_send_errors_total", "Errors in sending.", ({ sendErrors }) => sendErrors),
  eachInterface(
    "tether_network_send_drops_total",
    "Packets dropped in sending.",
    ({ sendDrops }) => sendDrops,
  ),
  eachDisk("tether_disk_reads_total", "Read operations.", ({ reads }) => reads),
  eachDisk("tether_disk_read_bytes_total", "Bytes read.", ({ readBytes }) => readBytes),
  eachDisk(
    "tether_disk_read_seconds_total",
    "Time of all read operations.",
    ({ readMs }) => readMs,
    fromMilliseconds,
  ),
  eachDisk("tether_disk_writes_total", "Write operations.", ({ writes }) => writes),
  eachDisk("tether_disk_written_bytes_total", "Bytes written.", ({ writtenBytes }) => writtenBytes),
  eachDisk(
    "tether_disk_write_seconds_total",
    "Time of all write operations.",
    ({ writeMs }) => writeMs,
    fromMilliseconds,
  ),
  eachDisk("tether_disk_operations_in_flight", "Operations under way.", ({ inFlight }) => inFlight),
  eachDisk(
    "tether_disk_busy_seconds_total",
    "Time with operations under way.",
    ({ busyMs }) => busyMs,
    fromMilliseconds,
  ),
  eachDisk("tether_disk_discards_total", "Discard operations.", ({ discards }) => discards),
  eachDisk("tether_disk_discarded_bytes_total", "Bytes discarded.", ({ discardedBytes }) => discardedBytes),
  eachDisk("tether_disk_flushes_total", "Flush operations.", ({ flushes }) => flushes),
  eachFileSystem(
    "tether_filesystem_size_bytes",
    "Size of a file system of the container.",
    ({ sizeBytes }) => sizeBytes,
  ),
  eachFileSystem("tether_filesystem_used_bytes", "What of it is used.", ({ usedBytes }) => usedBytes),
  eachFileSystem(
    "tether_filesystem_available_bytes",
    "What a user other than root can still have of it.",
    ({ availableBytes }) => availableBytes,
  ),
  eachFileSystem("tether_filesystem_inodes", "Its inodes.", ({ inodes }) => inodes),
  eachFileSystem("tether_filesystem_used_inodes", "Its inodes in use.", ({ usedInodes }) => usedInodes),
];

/** The agent, which is in the machine's figures and not in the container's. */
export const AGENT_METRICS: readonly Metric[] = [
  ofAgent("resident_bytes", "Resident memory of the agent's process.", ({ residentBytes }) => residentBytes),
  ofAgent(
    "memory_bytes",
    "Memory of the agent, with what is cached for it.",
    ({ memoryBytes }) => memoryBytes,
  ),
  ofAgent("cpu_seconds_total", "CPU time of the agent.", ({ cpuUs }) => cpuUs, fromMicroseconds),
  ofAgent(
    "event_loop_delay_seconds",
    "How late the agent's timers were at most since the sample before.",
    ({ eventLoopDelayUs }) => eventLoopDelayUs,
    fromMicroseconds,
  ),
  ofAgent(
    "sampling_seconds",
    "How long it took to read a sample.",
    ({ samplingUs }) => samplingUs,
    fromMicroseconds,
  ),
  ofAgent("restarts_total", "How often the agent was started again.", ({ restarts }) => restarts),
];
