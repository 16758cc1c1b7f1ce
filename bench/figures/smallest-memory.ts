import { performance } from "node:perf_hooks";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { findSmallest } from "../find-smallest.ts";
import { runContainer } from "../run-container.ts";
import { defaultRunRequest } from "../run-requests.ts";

const LIMIT_MIB = 128;

const CANDIDATES_MIB = { from: 64, to: 160, step: 4 } as const;

/** A size that starts a VM only now and then does not count. */
const SUCCESSES_NEEDED = 3;

/**
 * A guest with too little memory reads its programs from the disk again and again, instead of failing: one that takes
 * this many times as long as with the default memory does not run any more. Relative, since the machine may be busy.
 */
const SLOWEST_FACTOR = 8;

const BYTES_PER_MEBIBYTE = 1024 * 1024;

interface Attempt {
  readonly mebibytes: number;
  readonly outcome: string;
}

const SUCCESS = "ran";

/** The smallest `-m` with which /bin/true still runs: through the port layer, since the command line refuses small sizes. */
export async function measureSmallestMemory(host: BenchHost): Promise<Measurement> {
  const { from, to, step } = CANDIDATES_MIB;
  const candidates = Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step);
  const limitMs = SLOWEST_FACTOR * (await timeDefaultRun(host));
  const attempts: Attempt[] = [];
  const smallest = await findSmallest(candidates, async (mebibytes) => {
    for (let success = 0; success < SUCCESSES_NEEDED; success += 1) {
      const outcome = await attempt(host, mebibytes, limitMs);
      attempts.push({ mebibytes, outcome });
      if (outcome !== SUCCESS) {
        host.report(`smallest-memory: ${mebibytes} MiB: ${outcome}`);
        return false;
      }
    }
    host.report(`smallest-memory: ${mebibytes} MiB: ran ${SUCCESSES_NEEDED} times`);
    return true;
  });
  if (smallest === undefined) throw new Error(`not even ${to} MiB: ${attempts.at(-1)?.outcome ?? ""}`);
  const below = attempts.findLast((each) => each.mebibytes === smallest - step);
  const note = `${SUCCESSES_NEEDED} runs of ${SUCCESSES_NEEDED}; with ${smallest - step}: ${below?.outcome ?? "not tried"}`;
  return {
    rows: [
      { label: "smallest -m that runs /bin/true", value: smallest, limit: LIMIT_MIB, unit: "MiB", note },
    ],
    samples: { limitMs, attempts },
  };
}

async function timeDefaultRun(host: BenchHost): Promise<number> {
  const startMs = performance.now();
  const { status } = await runContainer(
    host,
    defaultRunRequest(host.imageReference, ["/bin/true"]),
    host.signal,
  );
  if (status !== 0) throw new Error(`/bin/true ended with ${status}`);
  return performance.now() - startMs;
}

/** @returns how it went: {@link SUCCESS}, or what the user would read. */
async function attempt(host: BenchHost, mebibytes: number, limitMs: number): Promise<string> {
  const request = {
    ...defaultRunRequest(host.imageReference, ["/bin/true"]),
    memoryBytes: mebibytes * BYTES_PER_MEBIBYTE,
    // What is asked is whether it boots.
    start: "cold" as const,
  };
  const limit = AbortSignal.timeout(Math.ceil(limitMs));
  try {
    const { status } = await runContainer(host, request, AbortSignal.any([host.signal, limit]));
    return status === 0 ? SUCCESS : `ended with ${status}`;
  } catch (error) {
    host.signal.throwIfAborted();
    if (limit.aborted) return `not done after ${(limitMs / 1000).toFixed(0)} s`;
    return error instanceof Error ? error.message : String(error);
  }
}
