/**
 * What a number is: a counter only grows while what it counts is there; a gauge is what is at the moment; a difference
 * may be below zero as well.
 */
export type NumberKind = "counter" | "gauge" | "difference";

/** Devices, CPUs or file systems: each has a name of its own. */
export interface ListShape {
  /** The field with the name. */
  readonly listedBy: string;
  /** Which names there may be. */
  readonly names: RegExp;
  /** Fields that are text and say more of it. */
  readonly texts: readonly string[];
  readonly item: Shape;
}

/** What is in a message of stats.proto. */
export interface Shape {
  readonly [field: string]: NumberKind | Shape | ListShape;
}

const counter = "counter";
const gauge = "gauge";

/** IFNAMSIZ less its end; netdevice names hold neither `/` nor white space (dev_valid_name() in net/core/dev.c). */
const INTERFACE_NAME = /^[!-.0-~]{1,15}$/;
/** DISK_NAME_LEN. A `/` in it is a `!`. */
const DISK_NAME = /^[!-.0-~]{1,32}$/;
const DEVICE_NUMBER = /^\d{1,4}:\d{1,7}$/;
const CPU_NUMBER = /^\d{1,5}$/;
/** PATH_MAX. */
const MOUNT_POINT = /^\/.{0,4095}$/su;

const STALL = {
  avg10BasisPoints: gauge,
  avg60BasisPoints: gauge,
  avg300BasisPoints: gauge,
  totalUs: counter,
} as const;

const PRESSURE = { some: STALL, full: STALL } as const;

const CPU_TIMES = {
  userMs: counter,
  niceMs: counter,
  systemMs: counter,
  idleMs: counter,
  iowaitMs: counter,
  irqMs: counter,
  softirqMs: counter,
  stealMs: counter,
  guestMs: counter,
  guestNiceMs: counter,
} as const;

/** The groups of a `Sample` of proto/stats.proto, field by field: what is not in here is not read. */
export const SAMPLE_SHAPE = {
  containerCpu: {
    usageUs: counter,
    userUs: counter,
    systemUs: counter,
    periods: counter,
    throttledPeriods: counter,
    throttledUs: counter,
    limitMillicpus: gauge,
  },
  containerMemory: {
    currentBytes: gauge,
    peakBytes: gauge,
    limitBytes: gauge,
    anonBytes: gauge,
    fileBytes: gauge,
    inactiveFileBytes: gauge,
    shmemBytes: gauge,
    slabBytes: gauge,
    kernelStackBytes: gauge,
    swapBytes: gauge,
    pageFaults: counter,
    majorPageFaults: counter,
    lowEvents: counter,
    highEvents: counter,
    maxEvents: counter,
    oomEvents: counter,
    oomKills: counter,
  },
  containerIo: {
    devices: {
      listedBy: "device",
      names: DEVICE_NUMBER,
      texts: [],
      item: {
        readBytes: counter,
        writtenBytes: counter,
        reads: counter,
        writes: counter,
        discardedBytes: counter,
        discards: counter,
      },
    },
  },
  containerPids: { current: gauge, peak: gauge, limit: gauge },
  containerPressure: { cpu: PRESSURE, memory: PRESSURE, io: PRESSURE },
  machineCpu: {
    total: CPU_TIMES,
    cpus: { listedBy: "cpu", names: CPU_NUMBER, texts: [], item: CPU_TIMES },
    contextSwitches: counter,
    interrupts: counter,
    forks: counter,
  },
  machineMemory: {
    totalBytes: gauge,
    freeBytes: gauge,
    availableBytes: gauge,
    buffersBytes: gauge,
    cachedBytes: gauge,
    shmemBytes: gauge,
    slabBytes: gauge,
    dirtyBytes: gauge,
    writebackBytes: gauge,
    swapTotalBytes: gauge,
    swapFreeBytes: gauge,
  },
  machineSystem: {
    load1Hundredths: gauge,
    load5Hundredths: gauge,
    load15Hundredths: gauge,
    runnableTasks: gauge,
    tasks: gauge,
    uptimeMs: counter,
    sockets: gauge,
    tcpSockets: gauge,
    udpSockets: gauge,
    entropyBits: gauge,
    clockOffsetUs: "difference",
    openFiles: gauge,
  },
  network: {
    listedBy: "name",
    names: INTERFACE_NAME,
    texts: [],
    item: {
      receivedBytes: counter,
      receivedPackets: counter,
      receiveErrors: counter,
      receiveDrops: counter,
      sentBytes: counter,
      sentPackets: counter,
      sendErrors: counter,
      sendDrops: counter,
    },
  },
  disks: {
    listedBy: "name",
    names: DISK_NAME,
    texts: [],
    item: {
      reads: counter,
      readBytes: counter,
      readMs: counter,
      writes: counter,
      writtenBytes: counter,
      writeMs: counter,
      inFlight: gauge,
      busyMs: counter,
      discards: counter,
      discardedBytes: counter,
      flushes: counter,
    },
  },
  fileSystems: {
    listedBy: "mountPoint",
    names: MOUNT_POINT,
    texts: ["type"],
    item: {
      sizeBytes: gauge,
      usedBytes: gauge,
      availableBytes: gauge,
      inodes: gauge,
      usedInodes: gauge,
    },
  },
  agent: {
    residentBytes: gauge,
    memoryBytes: gauge,
    cpuUs: counter,
    eventLoopDelayUs: gauge,
    samplingUs: gauge,
    restarts: counter,
  },
} as const satisfies Shape;

/** What a shape's values are once they are read. A number that the guest's kernel does not tell is undefined. */
export type ValueOf<S> = S extends NumberKind
  ? number
  : S extends { readonly listedBy: infer Name extends string; readonly item: infer Item }
    ? ReadonlyArray<ValueOf<Item> & Readonly<Record<Name | TextOf<S>, string>>>
    : { readonly [Field in keyof S]?: ValueOf<S[Field]> | undefined };

type TextOf<S> = S extends { readonly texts: ReadonlyArray<infer Text extends string> } ? Text : never;

/**
 * A whole sample. Times are in microseconds: of the guest's CLOCK_BOOTTIME, which never goes back, and since 1970.
 * `lost` counts samples of the subscription that were left out because nobody took them.
 */
export interface Sample extends ValueOf<typeof SAMPLE_SHAPE> {
  readonly monotonicUs: number;
  readonly wallUs: number;
  readonly lost: number;
}
