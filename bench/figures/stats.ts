import { RING_BYTES } from "../../src/stats/history/recording.ts";
import type { BenchHost } from "../bench-host.ts";
import type { FigureRow, Measurement } from "../figure.ts";
import { measureLoadingCost } from "../stats/loading-cost.ts";
import { measureOwnStatistics, type OwnStatistics } from "../stats/own-statistics.ts";
import { measureNodeFloor } from "../stats/node-floor.ts";
import { type ForeignStatistics, measureForeignStatistics } from "../stats/systeminformation.ts";
import { formatRange, median, percentile } from "../statistics.ts";

const MEBIBYTE = 1024 * 1024;

const CPU_LIMIT_PERCENT = 0.5;
const FULL_LIMIT_BYTES = 1024;
const DELTA_LIMIT_BYTES = 300;
const SAMPLING_LIMIT_MS = 3;
const FIRST_SAMPLE_LIMIT_MS = 50;
const MEMORY_LIMIT_MIB = 3;

/** What the statistics cost, and what systeminformation would. */
export async function measureStats(host: BenchHost, rounds: number): Promise<Measurement> {
  const loading: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    loading.push(await measureLoadingCost(host));
    host.report(`statistics ${round + 1}/${rounds}: ${loading.at(-1)?.toFixed(2)} MiB to load them`);
  }
  const own = await measureOwnStatistics(host);
  host.report(`statistics: ${own.agentCpuPercent.toFixed(2)} % CPU with a subscriber`);
  const nodeFloorPercent = await measureNodeFloor(host);
  const foreign = await measureForeignStatistics(host);
  return {
    rows: [...costRows(own, nodeFloorPercent), memoryRow(own, loading), ...foreignRows(foreign)],
    samples: { own, loading, nodeFloorPercent, foreign },
  };
}

function costRows(own: OwnStatistics, nodeFloorPercent: number): FigureRow[] {
  const delta = own.busyDeltaBytes;
  const samplingMs = own.idleSamplingUs.map((us) => us / 1000);
  const busyMs = own.busySamplingUs.map((us) => us / 1000);
  return [
    {
      label: "statistics: agent's CPU with a 1 s subscriber",
      ...{ value: own.agentCpuPercent, limit: CPU_LIMIT_PERCENT, unit: "%" },
      note: `of one CPU, at idle, its fifth minute; the median second ${own.medianCpuPercent.toFixed(2)} %`,
    },
    {
      label: "    its first minute",
      ...{ value: own.firstCpuPercent, limit: undefined, unit: "%" },
      note: "with what V8 compiles meanwhile",
    },
    {
      label: "    the history alone",
      ...{ value: own.historyCpuPercent, limit: undefined, unit: "%" },
      note: `the median second ${own.medianHistoryPercent.toFixed(2)} %`,
    },
    {
      label: "    a Node that sends 100 bytes each second",
      ...{ value: nodeFloorPercent, limit: undefined, unit: "%" },
      note: "the floor: nothing is read, encoded or encrypted",
    },
    {
      label: "  a full sample on the wire",
      ...{ value: Math.max(...own.fullBytes), limit: FULL_LIMIT_BYTES, unit: "bytes" },
      note: "2 CPUs, a vNIC, 2 disks; the largest",
    },
    {
      label: "  a difference on the wire, under load",
      ...{ value: median(delta), limit: DELTA_LIMIT_BYTES, unit: "bytes" },
      note: `${formatRange(delta, 0)} bytes; at idle ${median(own.idleDeltaBytes).toFixed(0)}`,
    },
    {
      label: "  a reading of the kernel, in the agent",
      ...{ value: median(samplingMs), limit: SAMPLING_LIMIT_MS, unit: "ms" },
      note: `95 % within ${percentile(samplingMs, 0.95).toFixed(1)} ms; under load ${median(busyMs).toFixed(1)} ms`,
    },
    {
      label: "  first sample after connect",
      ...{ value: median(own.firstSampleMs), limit: FIRST_SAMPLE_LIMIT_MS, unit: "ms" },
      note: `${formatRange(own.firstSampleMs, 0)} ms, the very first one ${own.firstSampleMs[0]?.toFixed(0)} ms`,
    },
  ];
}

function memoryRow(own: OwnStatistics, loading: readonly number[]): FigureRow {
  const history = RING_BYTES / MEBIBYTE;
  return {
    label: "  memory of ring and stream",
    ...{ value: median(loading) + history, limit: MEMORY_LIMIT_MIB, unit: "MiB" },
    note: `code and heap ${median(loading).toFixed(2)} (${formatRange(loading, 2)}), the history, when it is full, ${history.toFixed(2)} MiB; the agent's cgroup grew by ${(own.grownBytes / MEBIBYTE).toFixed(2)} MiB in five minutes`,
  };
}

function foreignRows({ functions, cpuMs }: ForeignStatistics): FigureRow[] {
  return [
    {
      label: "  systeminformation, one sample of all its functions: CPU",
      ...{ value: cpuMs, limit: undefined, unit: "ms" },
      note: `${functions.reduce((sum, { processes }) => sum + processes, 0).toFixed(0)} programs started; in the same VM, for comparison`,
    },
    ...functions.map(
      ({ name, elapsedMs, processes }): FigureRow => ({
        label: `    ${name}()`,
        ...{ value: elapsedMs, limit: undefined, unit: "ms" },
        note: `${processes.toFixed(1)} programs started`,
      }),
    ),
  ];
}
