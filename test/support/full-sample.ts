import type { SampleMessage } from "../../src/protocol/stats-messages.ts";

/** A sample as a guest with two CPUs, one vNIC and one disk sends it, `seconds` after its start. */
export function fullSample(seconds: number, changes: SampleMessage = {}): SampleMessage {
  return {
    monotonicUs: seconds * 1_000_000,
    wallUs: 1_790_000_000_000_000 + seconds * 1_000_000,
    containerCpu: { usageUs: seconds * 500_000, userUs: seconds * 400_000, systemUs: seconds * 100_000 },
    containerMemory: {
      currentBytes: 80 * MIB,
      inactiveFileBytes: 16 * MIB,
      limitBytes: 256 * MIB,
      oomKills: 0,
    },
    containerIo: { devices: [{ device: "254:0", readBytes: 4_100_000, writtenBytes: 1_000 * seconds }] },
    containerPids: { current: 3, limit: 1_000 },
    containerPressure: { cpu: { some: { avg10BasisPoints: 150, totalUs: 900 } } },
    machineCpu: {
      total: { userMs: seconds * 900, systemMs: seconds * 100, idleMs: seconds * 1_000 },
      cpus: [
        { cpu: 0, userMs: seconds * 900, systemMs: seconds * 100, idleMs: 0 },
        { cpu: 1, userMs: 0, systemMs: 0, idleMs: seconds * 1_000 },
      ],
      contextSwitches: seconds * 50,
    },
    machineMemory: { totalBytes: 512 * MIB, availableBytes: 300 * MIB },
    machineSystem: { load1Hundredths: 25, uptimeMs: seconds * 1_000, clockOffsetUs: -40 },
    network: [{ name: "eth0", receivedBytes: 1_500 * seconds, sentBytes: 700 * seconds, receiveErrors: 0 }],
    disks: [{ name: "vda", readBytes: 4_100_000, writtenBytes: 1_000 * seconds, busyMs: seconds }],
    fileSystems: [{ mountPoint: "/", type: "ext4", sizeBytes: 8 * 1024 * MIB, usedBytes: 100 * MIB }],
    agent: { residentBytes: 60 * MIB, cpuUs: seconds * 2_000, restarts: 0 },
    ...changes,
  };
}

/** 2^20 bytes. */
export const MIB = 1024 * 1024;
