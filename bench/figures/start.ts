import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { type BenchHost, ROOT } from "../bench-host.ts";
import type { FigureRow, Measurement } from "../figure.ts";
import { runFloor } from "../floor/floor-machine.ts";
import { parseStages, type Stage, summariseStages } from "../report/stages.ts";
import { ACCELERATION } from "../run-requests.ts";
import { median } from "../statistics.ts";

const LIMIT = 1.9;

/** An init that powers off at once (native/stage0/floor.c). */
const FLOOR_INIT = join(ROOT, "build/native/floor");

/** One run of `vch`. */
interface RunSample {
  readonly vchMs: number;
  readonly stages: readonly Stage[];
}

interface StartSample {
  readonly floorMs: number;
  readonly forked: RunSample;
  readonly cold: RunSample;
}

type Kind = "forked" | "cold";

/**
 * `vch run --rm IMAGE /bin/true` from its start to its exit, against the floor in the same round: a machine that
 * gets busier changes both. Forked as by default, from a template that is there, and cold for comparison. The
 * first of each is not counted: it fills the page cache and makes the template.
 */
export async function measureStart(host: BenchHost, rounds: number): Promise<Measurement> {
  await runFloor(host, FLOOR_INIT);
  await runTrue(host, "cold");
  const { vchMs: firstMs } = await runTrue(host, "forked");
  const samples: StartSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = await measureRound(host, round % 2 === 0);
    samples.push(sample);
    const times = (["forked", "cold"] as const).map(
      (kind) => `${kind} ${sample[kind].vchMs.toFixed(0)} ms (${ratioOf(sample, kind).toFixed(2)} ×)`,
    );
    host.report(`start ${round + 1}/${rounds}: ${times.join(", ")}, floor ${sample.floorMs.toFixed(0)} ms`);
  }
  return {
    rows: [
      {
        label: "vch run --rm IMAGE /bin/true against the floor",
        ...summarise(samples, "forked"),
        limit: LIMIT,
      },
      { label: "  the same with --start cold", ...summarise(samples, "cold"), limit: undefined },
    ],
    breakdown: [
      ...explainStages(samples, "forked"),
      ...explainStages(samples, "cold"),
      `The first start of a shape of machine, which makes the template: ${firstMs.toFixed(0)} ms`,
    ],
    samples: { firstMs, samples },
  };
}

function ratioOf(sample: StartSample, kind: Kind): number {
  return sample[kind].vchMs / sample.floorMs;
}

function summarise(samples: readonly StartSample[], kind: Kind): Pick<FigureRow, "value" | "unit" | "note"> {
  const vchMs = median(samples.map((each) => each[kind].vchMs)).toFixed(0);
  const floorMs = median(samples.map((each) => each.floorMs)).toFixed(0);
  const value = median(samples.map((each) => ratioOf(each, kind)));
  return { value, unit: "×", note: `vch ${vchMs} ms, floor ${floorMs} ms` };
}

function explainStages(samples: readonly StartSample[], kind: Kind): string[] {
  const runs = samples.map((each) => each[kind]);
  return [
    `The stages of a ${kind} start (guest's clock, medians):`,
    ...summariseStages(runs.map((each) => each.stages)),
    `  and outside it: ${median(runs.map(outsideMs)).toFixed(0)} ms`,
  ];
}

/** What the guest's clock does not see: it starts with the guest's kernel, or when a fork wakes. */
function outsideMs({ vchMs, stages }: RunSample): number {
  return vchMs - (stages.at(-1)?.atMs ?? 0);
}

/** Which one comes first alternates, so that a load that rises or falls favours neither. */
async function measureRound(host: BenchHost, isFloorFirst: boolean): Promise<StartSample> {
  const early = isFloorFirst ? await runFloor(host, FLOOR_INIT) : undefined;
  const forked = await runTrue(host, "forked");
  const cold = await runTrue(host, "cold");
  const { elapsedMs: floorMs } = early ?? (await runFloor(host, FLOOR_INIT));
  return { floorMs, forked, cold };
}

async function runTrue(host: BenchHost, kind: Kind): Promise<RunSample> {
  host.signal.throwIfAborted();
  const startMs = performance.now();
  // -v tells the stages, in a handful of lines to a pipe.
  const child = spawn(
    join(ROOT, "bin/vch"),
    ["-v", "run", "--rm", "--start", kind, "--accel", ACCELERATION, host.imageReference, "/bin/true"],
    { env: { ...process.env, VCH_STATE: host.state.root }, stdio: ["ignore", "ignore", "pipe"] },
  );
  const onAbort = (): void => void child.kill("SIGTERM");
  host.signal.addEventListener("abort", onAbort);
  try {
    // Reading starts before the exit is waited for: both come by themselves.
    const [[status, killer], errors] = await Promise.all([
      once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>,
      text(child.stderr),
    ]);
    const vchMs = performance.now() - startMs;
    host.signal.throwIfAborted();
    if (status !== 0) throw new Error(`vch run ended with ${status ?? killer}: ${errors.trim()}`);
    return { vchMs, stages: parseStages(errors) };
  } finally {
    host.signal.removeEventListener("abort", onAbort);
  }
}
