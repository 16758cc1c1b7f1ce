import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { compileIdleFloor } from "../floor/compile-idle-floor.ts";
import { runFloor } from "../floor/floor-machine.ts";
import { type GuestMemory, parseMeminfo } from "../meminfo.ts";
import { runContainer } from "../run-container.ts";
import { defaultRunRequest } from "../run-requests.ts";
import { formatRange, median } from "../statistics.ts";

const AVAILABLE_LIMIT_MIB = 60;
const UNRECLAIMABLE_LIMIT_MIB = 20;

/** The start's work is over by then, and the agent has nothing left to do. */
const IDLE_SECONDS = 5;

interface MemorySample {
  readonly floor: GuestMemory;
  readonly container: GuestMemory;
}

/**
 * What the user space of a container VM takes of the guest's memory while the container sleeps: the drop of
 * MemAvailable against a machine that has only an init, and how much of it nothing can give back.
 */
export async function measureIdleMemory(host: BenchHost, rounds: number): Promise<Measurement> {
  const init = await compileIdleFloor(host, IDLE_SECONDS);
  const samples: MemorySample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const floor = parseMeminfo((await runFloor(host, init)).console);
    const container = await measureContainer(host);
    samples.push({ floor, container });
    const available = dropOf({ floor, container }, "available").toFixed(1);
    const unreclaimable = dropOf({ floor, container }, "freeOrReclaimable").toFixed(1);
    host.report(
      `memory ${round + 1}/${rounds}: ${available} MiB less available, ${unreclaimable} MiB unreclaimable`,
    );
  }
  const drops = (field: keyof GuestMemory): number[] => samples.map((sample) => dropOf(sample, field));
  const row = (label: string, field: keyof GuestMemory, limit: number) => {
    const note = `${formatRange(drops(field), 1)} MiB in ${rounds} rounds`;
    return { label, value: median(drops(field)), limit, unit: "MiB" as const, note };
  };
  return {
    rows: [
      row("guest memory taken at idle (drop of MemAvailable)", "available", AVAILABLE_LIMIT_MIB),
      row("  of which unreclaimable", "freeOrReclaimable", UNRECLAIMABLE_LIMIT_MIB),
    ],
    breakdown: explain(drops),
    samples,
  };
}

async function measureContainer(host: BenchHost): Promise<GuestMemory> {
  const script = `sleep ${IDLE_SECONDS}; cat /proc/meminfo`;
  const request = defaultRunRequest(host.imageReference, ["/bin/sh", "-c", script]);
  const { status, output } = await runContainer(host, request, host.signal);
  if (status !== 0) throw new Error(`the container that sleeps ended with ${status}: ${output}`);
  return parseMeminfo(output);
}

function dropOf({ floor, container }: MemorySample, field: keyof GuestMemory): number {
  return floor[field] - container[field];
}

function explain(drops: (field: keyof GuestMemory) => number[]): string[] {
  const part = (name: string, field: keyof GuestMemory): string =>
    `${name} ${(-median(drops(field))).toFixed(1)}`;
  const parts = [
    ...[part("anonymous", "anonymous"), part("shared", "shared"), part("slab", "slab")],
    ...[part("kernel stacks", "kernelStacks"), part("page tables", "pageTables")],
  ];
  return [
    "Unreclaimable: the drop of MemFree + Active(file) + Inactive(file) + SReclaimable, that is, of what is free or",
    `only caches a disk. More than the floor (MiB, medians): ${parts.join(", ")}; the rest is`,
    `modules, rings and per-CPU lists. MemFree dropped by ${median(drops("free")).toFixed(1)} MiB: with the page cache.`,
  ];
}
