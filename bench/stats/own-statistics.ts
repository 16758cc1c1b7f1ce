import { setTimeout as delay } from "node:timers/promises";
import { StatisticsClient } from "../../test/support/statistics-client.ts";
import type { BenchHost } from "../bench-host.ts";
import { median } from "../statistics.ts";
import { openSessionMachine, type SessionMachine } from "../session/session-machine.ts";

/** What was found of our own statistics. */
export interface OwnStatistics {
  /** Of one CPU: agent and kernel on its behalf, in percent; a subscriber's fifth minute. */
  readonly agentCpuPercent: number;
  /** Its first minute, in which V8 compiles what a sample takes. */
  readonly firstCpuPercent: number;
  /** The same without anybody: the history is recorded all the same. */
  readonly historyCpuPercent: number;
  /** Of single seconds: the compiler or collector takes hundreds of milliseconds now and then. */
  readonly medianCpuPercent: number;
  readonly medianHistoryPercent: number;
  readonly fullBytes: readonly number[];
  readonly idleDeltaBytes: readonly number[];
  readonly busyDeltaBytes: readonly number[];
  readonly idleSamplingUs: readonly number[];
  readonly busySamplingUs: readonly number[];
  /** From the opening of the channel. */
  readonly firstSampleMs: readonly number[];
  /** How much more memory the agent's cgroup has after the idle minutes. */
  readonly grownBytes: number;
}

const IDLE_SECONDS = 60;
/** Until what is done once a second is compiled (src/tether/settle.ts). */
const COMPILING_SECONDS = 240;
/** A channel is closed by then. */
const GONE_MS = 2_000;
const BUSY_SECONDS = 30;
const FIRST_SAMPLES = 20;

/** CPU, memory, processes and disk at once. */
const LOAD =
  "read go; while :; do dd if=/dev/zero of=/file bs=64k count=64 conv=fsync 2>/dev/null; cat /file >/dev/null; done";

/** Measures in one container VM with two CPUs and a vNIC: idle first, then under load. */
export async function measureOwnStatistics(host: BenchHost): Promise<OwnStatistics> {
  const options = ["-i", "--cpus", "2", "--network", "user"];
  const command = ["sh", "-c", LOAD];
  await using machine = await openSessionMachine(host, { image: host.imageReference, command, options });
  const firstSampleMs: number[] = [];
  for (let count = 0; count < FIRST_SAMPLES; count++) firstSampleMs.push(await timeFirstSample(machine));
  const history = await measureHistory(machine, host.signal);
  const watched = await watch(machine, COMPILING_SECONDS + IDLE_SECONDS);
  const first = watched.slice(0, IDLE_SECONDS + 1);
  const idle = watched.slice(COMPILING_SECONDS);
  const input = await machine.connection.execute("attach 0 0", undefined);
  input.resume();
  input.write("go\n");
  await delay(2000, undefined, { signal: host.signal });
  const busy = await watch(machine, BUSY_SECONDS);
  return {
    ...{ firstSampleMs, historyCpuPercent: agentCpu(history), agentCpuPercent: agentCpu(idle) },
    ...{ medianHistoryPercent: medianCpu(history), medianCpuPercent: medianCpu(idle) },
    firstCpuPercent: agentCpu(first),
    fullBytes: [...watched, ...busy].filter(isFull).map((client) => client.bytes),
    idleDeltaBytes: deltaBytes(idle),
    busyDeltaBytes: deltaBytes(busy),
    idleSamplingUs: samplingUs(idle),
    busySamplingUs: samplingUs(busy),
    grownBytes: (idle.at(-1)?.memoryBytes ?? 0) - (first[0]?.memoryBytes ?? 0),
  };
}

/** One sample of a stream. */
interface Sampled {
  readonly bytes: number;
  readonly isDelta: boolean;
  readonly monotonicUs: number;
  readonly cpuUs: number;
  readonly memoryBytes: number;
  readonly samplingUs: number;
}

const isFull = ({ isDelta }: Sampled): boolean => !isDelta;
const deltaBytes = (samples: readonly Sampled[]): number[] =>
  samples.filter(({ isDelta }) => isDelta).map(({ bytes }) => bytes);
const samplingUs = (samples: readonly Sampled[]): number[] =>
  samples.slice(1).map((sampled) => sampled.samplingUs);

function agentCpu(samples: readonly Sampled[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) throw new Error("there were no samples");
  return (100 * (last.cpuUs - first.cpuUs)) / (last.monotonicUs - first.monotonicUs);
}

function medianCpu(samples: readonly Sampled[]): number {
  return median(samples.slice(1).map((sampled, index) => agentCpu([samples[index] ?? sampled, sampled])));
}

/** Subscribes for a while. */
async function watch(machine: SessionMachine, seconds: number): Promise<Sampled[]> {
  const client = await StatisticsClient.open(machine.connection);
  client.send({ subscribe: { periodMs: 1000, delta: true } });
  await client.count(seconds + 1);
  await client.close();
  return sampledOf(client);
}

function sampledOf({ messages, samples, sizes }: StatisticsClient): Sampled[] {
  return messages.flatMap(({ sample }, index) => {
    const known = samples[index];
    if (!sample || known === undefined) return [];
    return {
      // With its length, which takes two bytes.
      bytes: (sizes[index] ?? 0) + 2,
      isDelta: sample.delta ?? false,
      monotonicUs: known.monotonicUs ?? 0,
      cpuUs: known.agent?.cpuUs ?? 0,
      memoryBytes: known.agent?.memoryBytes ?? 0,
      samplingUs: known.agent?.samplingUs ?? 0,
    };
  });
}

/** What was recorded while nobody was there: who looks would be counted as well. */
async function measureHistory(machine: SessionMachine, signal: AbortSignal): Promise<Sampled[]> {
  const [before] = await watch(machine, 0);
  await delay(IDLE_SECONDS * 1000, undefined, { signal });
  const client = await StatisticsClient.open(machine.connection);
  const afterMonotonicMs = Math.floor((before?.monotonicUs ?? 0) / 1000) + GONE_MS;
  client.send({ getHistory: { afterMonotonicMs } });
  await client.until(() => client.messages.some(({ historyEnd }) => historyEnd));
  await client.close();
  // The last second is that of who asks.
  return sampledOf(client).slice(0, -1);
}

async function timeFirstSample({ connection }: SessionMachine): Promise<number> {
  const startMs = performance.now();
  const client = await StatisticsClient.open(connection);
  client.send({ subscribe: { periodMs: 1000, delta: true } });
  await client.count(1);
  const elapsedMs = performance.now() - startMs;
  await client.close();
  return elapsedMs;
}
