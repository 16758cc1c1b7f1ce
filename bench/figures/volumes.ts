import { performance } from "node:perf_hooks";
import { Writable } from "node:stream";
import { join } from "node:path";
import { machineUser } from "../../src/cli/machine-user.ts";
import { QemuDriver } from "../../src/hypervisor/index.ts";
import { Execution } from "../../src/portlayer/execution/index.ts";
import { BOOT_FOLDER, type BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { defaultRunRequest } from "../run-requests.ts";
import { formatRange, median } from "../statistics.ts";

/** What a static vNIC and a volume may add to a start. */
const ONE_LIMIT_MS = 150;
/** Eight of each, as a multiple of what one of each adds. */
const EIGHT_LIMIT = 2;

type Options = readonly string[];

const networks = (count: number): Options =>
  Array.from({ length: count }, () => ["--network", "user"]).flat();
const volumes = (count: number): Options =>
  Array.from({ length: count }, (_, index) => ["-v", `bench${index}:/volumes/${index}`]).flat();

/** In the order of a round. */
const KINDS = {
  none: [],
  volume: volumes(1),
  volumes: volumes(8),
  both: [...networks(1), ...volumes(1)],
  eight: [...networks(8), ...volumes(8)],
} as const satisfies Record<string, Options>;

type Kind = keyof typeof KINDS;
type Round = Readonly<Record<Kind, number>>;

/**
 * From the request to the first byte that the process writes, forked: without anything, with a volume, with eight, with a
 * static vNIC and a volume, with eight of each; interleaved. Not to the end: a disk that stays is brought to rest first.
 */
export async function measureVolumes(host: BenchHost, rounds: number): Promise<Measurement> {
  const names = Object.keys(KINDS) as Kind[];
  const measureRound = async (): Promise<Round> => {
    const round: Partial<Record<Kind, number>> = {};
    for (const name of names) round[name] = await timeFirstByte(host, KINDS[name]);
    return round as Round;
  };
  // It makes the template and the volumes, and fills the page cache.
  await measureRound();
  const samples: Round[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const sample = await measureRound();
    samples.push(sample);
    const times = names.map((name) => `${name} ${sample[name].toFixed(0)} ms`);
    host.report(`volumes ${round + 1}/${rounds}: ${times.join(", ")}`);
  }
  const all = (kind: Kind): number[] => samples.map((sample) => sample[kind] - sample.none);
  const added = (kind: Kind): number => median(all(kind));
  return {
    rows: [
      {
        ...{ label: "added start time: one static vNIC and one volume", value: added("both"), unit: "ms" },
        ...{ limit: ONE_LIMIT_MS, note: `volume alone: ${formatRange(all("volume"), 0)} ms` },
      },
      {
        ...{ label: "  eight of each against one", value: added("eight") / added("both"), unit: "×" },
        ...{ limit: EIGHT_LIMIT, note: `eight volumes alone: ${formatRange(all("volumes"), 0)} ms` },
      },
    ],
    samples,
  };
}

async function timeFirstByte(host: BenchHost, words: Options): Promise<number> {
  const execution = new Execution({
    ...{
      state: host.state,
      driver: QemuDriver.of(machineUser(join(BOOT_FOLDER, "../native"), process.env)),
      bootFolder: BOOT_FOLDER,
    },
    ...{ report: () => {}, reportDetail: () => {}, onStages: () => {} },
  });
  let firstMs: number | undefined;
  const output = new Writable({
    write: (_chunk: Buffer, _encoding, done) => {
      firstMs ??= performance.now();
      done();
    },
  });
  const request = defaultRunRequest(host.imageReference, ["echo", "started"], words);
  const startMs = performance.now();
  const control = { abort: host.signal, onRunning: () => {} };
  const status = await execution.run(request, { input: undefined, output, errorOutput: output }, control);
  if (status !== 0 || firstMs === undefined)
    throw new Error(`a container with ${words.join(" ")} ended with ${status}`);
  return firstMs - startMs;
}
