import type { BenchHost } from "../bench-host.ts";
import { describeSamples, IMAGE, makeArchive, ratioOf, type Samples, Sides } from "../endpoint/sides.ts";
import type { Measurement } from "../figure.ts";
import { debianSshImage } from "../peers/debian-ssh-image.ts";
import { timeMs } from "../session/time.ts";

/** Against dockerd with vfs. */
const LIMIT = 2;

/** `docker load` of a Debian image that is not there yet, with both in turn. */
export async function measureDockerLoad(host: BenchHost, rounds: number): Promise<Measurement> {
  await using sides = await Sides.start(host);
  const archive = await makeArchive(host, await debianSshImage(host), "debian");
  const times: Samples = { vch: [], dockerd: [] };
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    await sides.each(async ({ docker }, side) => {
      times[side].push(await timeMs(() => docker("load", "-i", archive)));
      await docker("rmi", IMAGE);
    });
    host.report(`docker load ${round + 1}/${rounds}: ${describeSamples(times, "ms", 0)}`);
  }
  return {
    rows: [
      {
        label: "docker load of a Debian image, against dockerd (vfs)",
        value: ratioOf(times),
        limit: LIMIT,
        unit: "×",
        note: describeSamples(times, "ms", 0),
      },
    ],
    samples: times,
  };
}
