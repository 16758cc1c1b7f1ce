import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { IMAGE, makeArchive } from "../endpoint/sides.ts";
import { startEndpoint } from "../endpoint/start-endpoint.ts";
import type { FigureRow, Measurement } from "../figure.ts";
import { timeMs } from "../session/time.ts";
import { formatRange, median } from "../statistics.ts";

/** Against `vch run`. */
const LIMIT = 1.1;

const VCH = join(ROOT, "bin/vch");

/** From a template, as by default, and with a boot. */
const STARTS = ["forked", "cold"] as const;

type Start = (typeof STARTS)[number];

/** Milliseconds of whole runs. */
type Times = Record<"vch" | "docker", number[]>;

/** What the endpoint, and Docker's own client before it, add to a container VM's whole life. */
export async function measureDockerRun(host: BenchHost, rounds: number): Promise<Measurement> {
  const samples: Partial<Record<Start, Times>> = {};
  const rows: FigureRow[] = [];
  for (const start of STARTS) {
    const times = await timeRuns(host, rounds, start);
    samples[start] = times;
    rows.push(makeRow(start, times));
  }
  return { rows, samples };
}

async function timeRuns(host: BenchHost, rounds: number, start: Start): Promise<Times> {
  await using endpoint = await startEndpoint(host, ["--start", start]);
  await endpoint.docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  const env = { ...process.env, VCH_STATE: host.state.root };
  const options = { env, signal: host.signal };
  const words = ["run", "--rm", "--network", "none"];
  const works = {
    vch: () => promisify(execFile)(VCH, [...words, "--start", start, host.imageReference, "true"], options),
    docker: () => endpoint.docker(...words, IMAGE, "true"),
  };
  // The first of each makes the template, and fills the page cache.
  for (const work of Object.values(works)) await work();
  const times: Times = { vch: [], docker: [] };
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    // Which one comes first alternates, so that a load that rises or falls favours neither.
    const kinds = ["vch", "docker"] as const;
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed())
      times[kind].push(await timeMs(works[kind]));
    host.report(`docker run ${start} ${round + 1}/${rounds}: ${describe(times)}`);
  }
  return times;
}

function makeRow(start: Start, times: Times): FigureRow {
  return {
    label: `docker run --rm IMG true, ${start}, against vch run without the endpoint`,
    value: median(times.docker) / median(times.vch),
    limit: LIMIT,
    unit: "×",
    note: `${describe(times)}; ${formatRange(times.docker, 0)} and ${formatRange(times.vch, 0)} ms`,
  };
}

function describe({ docker, vch }: Times): string {
  return `docker run ${median(docker).toFixed(0)} ms, vch run ${median(vch).toFixed(0)} ms`;
}
