import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { type BenchHost, ROOT } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { formatRange, median } from "../statistics.ts";

/** From the command. */
const LIMIT_MS = 1_500;

const VCH = join(ROOT, "bin/vch");
const NAME = "bench-stats";

/** The guest keeps a sample of each second; a container that is younger has none. */
const AGE_MS = 5_000;

/**
 * How long it takes from the command `vch stats` to its first line of figures, of a container VM that is idle: the
 * start of `vch` itself, a link to the guest, and two samples.
 */
export async function measureStatsLine(host: BenchHost, rounds: number): Promise<Measurement> {
  const environment = { ...process.env, VCH_STATE: host.state.root };
  const run = promisify(execFile);
  const options = { env: environment, signal: host.signal };
  await run(VCH, ["run", "-d", "--name", NAME, host.imageReference, "sleep", "100000"], options);
  try {
    await delay(AGE_MS, undefined, { signal: host.signal });
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      times.push(await timeFirstLine(environment, host.signal));
      host.report(`vch stats ${round + 1}/${rounds}: first line after ${(times.at(-1) ?? 0).toFixed(0)} ms`);
    }
    return {
      rows: [
        {
          label: "`vch stats`: first line after the command",
          value: median(times),
          limit: LIMIT_MS,
          unit: "ms",
          note: `${formatRange(times, 0)} ms in ${rounds} rounds`,
        },
      ],
      samples: times,
    };
  } finally {
    await run(VCH, ["rm", "-f", NAME], { env: environment });
  }
}

async function timeFirstLine(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  const startMs = performance.now();
  const child = spawn(VCH, ["stats"], { env, stdio: ["ignore", "pipe", "inherit"], signal });
  const closed = once(child, "close");
  try {
    let text = "";
    for await (const chunk of child.stdout) {
      text += String(chunk);
      // Figures, not dashes.
      if (new RegExp(`${NAME} +[\\d.]+%`).test(text)) return performance.now() - startMs;
    }
    throw new Error(`vch stats ended without a line of ${NAME}: ${JSON.stringify(text)}`);
  } finally {
    child.kill("SIGTERM");
    await closed;
  }
}
