import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { text } from "node:stream/consumers";
import { type BenchHost, ROOT } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { runFloor } from "../floor/floor-machine.ts";
import { parseStages, type Stage, summariseStages } from "../report/stages.ts";
import { ACCELERATION } from "../run-requests.ts";
import { median } from "../statistics.ts";

const LIMIT = 1.9;

/** An init that powers off at once (native/stage0/floor.c). */
const FLOOR_INIT = join(ROOT, "build/native/floor");

interface StartSample {
  readonly floorMs: number;
  readonly vchMs: number;
  readonly ratio: number;
  readonly stages: readonly Stage[];
}

/**
 * `vch run --rm IMAGE /bin/true` from its start to its exit, against the floor in the same round: a machine that
 * gets busier changes both. The first of each is not counted: it fills the page cache.
 */
export async function measureStart(host: BenchHost, rounds: number): Promise<Measurement> {
  await runFloor(host, FLOOR_INIT);
  await runTrue(host);
  const samples: StartSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = await measureRound(host, round % 2 === 0);
    samples.push(sample);
    const times = `vch ${sample.vchMs.toFixed(0)} ms, floor ${sample.floorMs.toFixed(0)} ms`;
    host.report(`start ${round + 1}/${rounds}: ${times}, ${sample.ratio.toFixed(2)} ×`);
  }
  const medianOf = (pick: (sample: StartSample) => number): string => median(samples.map(pick)).toFixed(0);
  const note = `vch ${medianOf((each) => each.vchMs)} ms, floor ${medianOf((each) => each.floorMs)} ms`;
  return {
    rows: [
      {
        label: "vch run --rm IMAGE /bin/true against the floor",
        value: median(samples.map((each) => each.ratio)),
        limit: LIMIT,
        unit: "×",
        note,
      },
    ],
    breakdown: [
      "The start's stages (guest's clock, medians):",
      ...summariseStages(samples.map((each) => each.stages)),
      `  and outside it: ${medianOf(outsideMs)} ms (vch itself, QEMU, firmware, unpacking the kernel, the end)`,
    ],
    samples,
  };
}

/** What the guest's clock, which starts with its kernel, does not see. */
function outsideMs({ vchMs, stages }: StartSample): number {
  return vchMs - (stages.at(-1)?.atMs ?? 0);
}

/** Which one comes first alternates, so that a load that rises or falls favours neither. */
async function measureRound(host: BenchHost, isFloorFirst: boolean): Promise<StartSample> {
  const early = isFloorFirst ? await runFloor(host, FLOOR_INIT) : undefined;
  const { vchMs, stages } = await runTrue(host);
  const { elapsedMs: floorMs } = early ?? (await runFloor(host, FLOOR_INIT));
  return { floorMs, vchMs, ratio: vchMs / floorMs, stages };
}

async function runTrue(host: BenchHost): Promise<{ readonly vchMs: number; readonly stages: Stage[] }> {
  host.signal.throwIfAborted();
  const startMs = performance.now();
  // -v tells the stages, in a handful of lines to a pipe.
  const child = spawn(
    join(ROOT, "bin/vch"),
    ["-v", "run", "--rm", "--accel", ACCELERATION, host.imageReference, "/bin/true"],
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
