import type { BenchHost } from "../bench-host.ts";
import { describeSamples, IMAGE, makeArchive, ratioOf, type Samples, Sides } from "../endpoint/sides.ts";
import type { FigureRow, Measurement } from "../figure.ts";
import { DockerClient } from "../peers/docker-client.ts";
import { timeEach } from "../session/time.ts";

/** Against dockerd. */
const LIMIT = 1.5;

/** Made, not started. */
const CONTAINERS = 100;

const SAMPLES_PER_ROUND = 20;

/** The first ones load and compile code. */
const WARM_UP = 20;

const REQUESTS = {
  [`GET /containers/json with ${CONTAINERS} containers`]: "/containers/json?all=1",
  "GET /_ping": "/_ping",
  "GET /containers/{id}/json": "/containers/c50/json",
} as const;

/** What the API's own work costs: requests on a warm connection, to both in turn. */
export async function measureApi(host: BenchHost, rounds: number): Promise<Measurement> {
  await using sides = await Sides.start(host);
  await sides.docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  for (let count = 1; count <= CONTAINERS; count += 1) {
    host.signal.throwIfAborted();
    await sides.docker("create", "--name", `c${count}`, "--network", "none", IMAGE, "sleep", "1");
  }
  using vch = new DockerClient(sides.vch.socket);
  using dockerd = new DockerClient(sides.dockerd.socket);
  const samples: Record<string, Samples> = {};
  for (const [name, path] of Object.entries(REQUESTS)) {
    const times: Samples = { vch: [], dockerd: [] };
    await timeEach(WARM_UP, () => vch.get(path));
    await timeEach(WARM_UP, () => dockerd.get(path));
    for (let round = 0; round < rounds; round += 1) {
      host.signal.throwIfAborted();
      times.vch.push(...(await timeEach(SAMPLES_PER_ROUND, () => vch.get(path))));
      times.dockerd.push(...(await timeEach(SAMPLES_PER_ROUND, () => dockerd.get(path))));
    }
    host.report(`${name}: ${describeSamples(times, "ms", 2)}`);
    samples[name] = times;
  }
  return { rows: Object.entries(samples).map(makeRow), samples };
}

function makeRow([name, samples]: readonly [string, Samples]): FigureRow {
  const note = describeSamples(samples, "ms", 2);
  return { label: `${name}, against dockerd`, value: ratioOf(samples), limit: LIMIT, unit: "×", note };
}
