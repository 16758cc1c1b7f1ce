import type { Sample } from "./sample-shape.ts";

/** What `docker stats` shows of a container. A figure that the guest's kernel does not tell is undefined. */
export interface Figures {
  /** 100 is one whole CPU, so that a machine with two goes up to 200. Undefined without an earlier sample. */
  readonly cpuPercent: number | undefined;
  /** Without what the kernel can drop at once (inactive_file). */
  readonly memoryBytes: number | undefined;
  /** The container's limit, or the machine's memory when it has none. */
  readonly memoryLimitBytes: number | undefined;
  readonly memoryPercent: number | undefined;
  /** Of all vNICs together, since the machine's start; as are the three below. */
  readonly receivedBytes: number | undefined;
  readonly sentBytes: number | undefined;
  /** Of all devices together. */
  readonly readBytes: number | undefined;
  readonly writtenBytes: number | undefined;
  /** Processes and threads. */
  readonly pids: number | undefined;
}

/** @param before an earlier sample of the same run of the machine. */
export function figuresOf(now: Sample, before: Sample | undefined): Figures {
  const { containerMemory: memory, containerIo: io, network } = now;
  const memoryBytes = usedMemory(now);
  const memoryLimitBytes = memoryLimit(now);
  return {
    cpuPercent: before === undefined ? undefined : cpuPercent(now, before),
    memoryBytes,
    memoryLimitBytes,
    memoryPercent:
      memory === undefined || memoryBytes === undefined || !memoryLimitBytes
        ? undefined
        : (memoryBytes / memoryLimitBytes) * 100,
    receivedBytes: sum(network, ({ receivedBytes }) => receivedBytes),
    sentBytes: sum(network, ({ sentBytes }) => sentBytes),
    readBytes: sum(io?.devices, ({ readBytes }) => readBytes),
    writtenBytes: sum(io?.devices, ({ writtenBytes }) => writtenBytes),
    pids: now.containerPids?.current,
  };
}

/** How many CPUs are online; 1 when the guest does not tell. */
export function onlineCpus(sample: Sample): number {
  return Math.max(1, sample.machineCpu?.cpus?.length ?? 1);
}

/**
 * The time that all of the machine's CPUs had, in microseconds: what the modes of /proc/stat add up to where no tick is
 * lost. By the clock, because under an emulator that is short of time many are: one busy loop on two CPUs was 166 % of
 * a CPU by the ticks, and 100 % by the clock.
 */
export function machineTimeUs(sample: Sample): number {
  return sample.monotonicUs * onlineCpus(sample);
}

/**
 * How much of a counter there was in each second between two samples, by the guest's monotonic clock. Undefined when
 * one of them does not have it, when they are of the same moment, and when it went back: what it counts is another one.
 */
export function perSecond(
  now: Sample,
  before: Sample,
  read: (sample: Sample) => number | undefined,
): number | undefined {
  const seconds = (now.monotonicUs - before.monotonicUs) / 1e6;
  const [end, start] = [read(now), read(before)];
  if (end === undefined || start === undefined || seconds <= 0 || end < start) return undefined;
  return (end - start) / seconds;
}

/** The sum over all that are listed; undefined when none is told, or nothing of any. */
export function sum<T>(
  list: readonly T[] | undefined,
  read: (each: T) => number | undefined,
): number | undefined {
  if (list === undefined) return undefined;
  const numbers = list.flatMap((each) => read(each) ?? []);
  if (list.length > 0 && numbers.length === 0) return undefined;
  return numbers.reduce((total, each) => total + each, 0);
}

/** The docker client's formula: the container's part of the machine's time, times the CPUs. Here these cancel out. */
function cpuPercent(now: Sample, before: Sample): number | undefined {
  const [end, start] = [now.containerCpu?.usageUs, before.containerCpu?.usageUs];
  const gapUs = now.monotonicUs - before.monotonicUs;
  if (end === undefined || start === undefined || gapUs <= 0) return undefined;
  return (Math.max(0, end - start) / gapUs) * 100;
}

/** As the docker client: a cache that is larger than all there is is not believed. */
function usedMemory({ containerMemory }: Sample): number | undefined {
  const { currentBytes, inactiveFileBytes = 0 } = containerMemory ?? {};
  if (currentBytes === undefined) return undefined;
  return inactiveFileBytes < currentBytes ? currentBytes - inactiveFileBytes : currentBytes;
}

/** A limit above what the machine has is none, as for dockerd. */
function memoryLimit({ containerMemory, machineMemory }: Sample): number | undefined {
  const limits = [containerMemory?.limitBytes, machineMemory?.totalBytes].flatMap((each) => each ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}
