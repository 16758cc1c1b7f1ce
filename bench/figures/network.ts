import { performance } from "node:perf_hooks";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { runContainer } from "../run-container.ts";
import { defaultRunRequest } from "../run-requests.ts";
import { formatRange, median } from "../statistics.ts";

/** What a static vNIC may add to a start. */
const ONE_LIMIT_MS = 150;
/** Eight of them, as a multiple of what one adds. */
const EIGHT_LIMIT = 2;

/** How many vNICs there are in each kind of run, in the order of a round. */
const COUNTS = [0, 1, 8] as const;

type Round = Readonly<Record<(typeof COUNTS)[number], number>>;

/**
 * `vch run --rm IMAGE /bin/true`, forked, without a vNIC, with one and with eight, each with a static address and the
 * usual firewall: interleaved, so that a machine that gets busier changes all. They are on the hypervisor's own network,
 * which needs nothing of this machine.
 */
export async function measureNetwork(host: BenchHost, rounds: number): Promise<Measurement> {
  // It makes the template and fills the page cache.
  for (const count of COUNTS) await run(host, count);
  const samples: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = { 0: await run(host, 0), 1: await run(host, 1), 8: await run(host, 8) };
    samples.push(sample);
    const times = COUNTS.map((count) => `${count}: ${sample[count].toFixed(0)} ms`);
    host.report(`vNICs ${round + 1}/${rounds}: ${times.join(", ")}`);
  }
  const added = (count: 1 | 8): number => median(samples.map((sample) => sample[count] - sample[0]));
  const all = (count: 1 | 8): number[] => samples.map((sample) => sample[count] - sample[0]);
  return {
    rows: [
      {
        label: "added start time: one static vNIC",
        value: added(1),
        limit: ONE_LIMIT_MS,
        unit: "ms",
        note: `${formatRange(all(1), 0)} ms in ${rounds} rounds`,
      },
      {
        label: "  eight against one",
        value: added(8) / added(1),
        limit: EIGHT_LIMIT,
        unit: "×",
        note: `eight: ${formatRange(all(8), 0)} ms`,
      },
    ],
    samples,
  };
}

async function run(host: BenchHost, count: number): Promise<number> {
  const networks = Array.from({ length: count }, () => ["--network", "user"]).flat();
  const request = defaultRunRequest(host.imageReference, ["/bin/true"], networks);
  const startMs = performance.now();
  const { status, output } = await runContainer(host, request, host.signal);
  if (status !== 0) throw new Error(`a container with ${count} vNICs ended with ${status}: ${output}`);
  return performance.now() - startMs;
}
