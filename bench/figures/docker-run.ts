import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BenchHost, ROOT } from "../bench-host.ts";
import { IMAGE, makeArchive } from "../endpoint/sides.ts";
import { startEndpoint } from "../endpoint/start-endpoint.ts";
import type { Measurement } from "../figure.ts";
import { timeMs } from "../session/time.ts";
import { formatRange, median } from "../statistics.ts";

/** Against `vch run`. */
const LIMIT = 1.1;

const VCH = join(ROOT, "bin/vch");

/** What the endpoint, and Docker's own client before it, add to a container VM's whole life. */
export async function measureDockerRun(host: BenchHost, rounds: number): Promise<Measurement> {
  await using endpoint = await startEndpoint(host);
  await endpoint.docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  const env = { ...process.env, VCH_STATE: host.state.root };
  const options = { env, signal: host.signal };
  const words = ["run", "--rm", "--network", "none"];
  const works = {
    vch: () => promisify(execFile)(VCH, [...words, host.imageReference, "true"], options),
    docker: () => endpoint.docker(...words, IMAGE, "true"),
  };
  // The first of each makes the template, and fills the page cache.
  for (const work of Object.values(works)) await work();
  const times: Record<keyof typeof works, number[]> = { vch: [], docker: [] };
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    // Which one comes first alternates, so that a load that rises or falls favours neither.
    const kinds = ["vch", "docker"] as const;
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed())
      times[kind].push(await timeMs(works[kind]));
    host.report(`docker run ${round + 1}/${rounds}: ${describe(times)}`);
  }
  return {
    rows: [
      {
        label: "docker run --rm IMG true, against vch run without the endpoint",
        value: median(times.docker) / median(times.vch),
        limit: LIMIT,
        unit: "×",
        note: `${describe(times)}; ${formatRange(times.docker, 0)} and ${formatRange(times.vch, 0)} ms`,
      },
    ],
    samples: times,
  };
}

function describe({ docker, vch }: Readonly<Record<"docker" | "vch", readonly number[]>>): string {
  return `docker run ${median(docker).toFixed(0)} ms, vch run ${median(vch).toFixed(0)} ms`;
}
