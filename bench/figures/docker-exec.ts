import type { BenchHost } from "../bench-host.ts";
import { describeSamples, IMAGE, makeArchive, ratioOf, type Samples, Sides } from "../endpoint/sides.ts";
import type { Measurement } from "../figure.ts";
import { timeMs } from "../session/time.ts";

/** Against dockerd. */
const LIMIT = 1.5;

const CONTAINER = "bench";
const SAMPLES_PER_ROUND = 10;

/** The first ones load code, on either side. */
const WARM_UP = 5;

/** The command `docker exec CONTAINER true`, with both in turn. */
export async function measureDockerExec(host: BenchHost, rounds: number): Promise<Measurement> {
  await using sides = await Sides.start(host);
  await sides.docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  await sides.docker("run", "-d", "--name", CONTAINER, "--network", "none", IMAGE, "sleep", "1000000");
  const exec = () =>
    sides.each(async ({ docker }, side) => {
      times[side].push(await timeMs(() => docker("exec", CONTAINER, "true")));
    });
  let times: Samples = { vch: [], dockerd: [] };
  for (let count = 0; count < WARM_UP; count += 1) await exec();
  times = { vch: [], dockerd: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (let sample = 0; sample < SAMPLES_PER_ROUND; sample += 1) {
      host.signal.throwIfAborted();
      await exec();
    }
    host.report(`docker exec ${round + 1}/${rounds}: ${describeSamples(times, "ms")}`);
  }
  return {
    rows: [
      {
        label: "docker exec C true, against dockerd",
        value: ratioOf(times),
        limit: LIMIT,
        unit: "×",
        note: describeSamples(times, "ms"),
      },
    ],
    samples: times,
  };
}
