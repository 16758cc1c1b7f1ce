import type { BenchHost } from "../bench-host.ts";
import type { FigureRow, Measurement } from "../figure.ts";
import { type DockerEngine, startDockerEngine } from "../peers/docker-engine.ts";
import { execute } from "../session/exec.ts";
import { openSessionMachine, type SessionMachine } from "../session/session-machine.ts";
import { timeEach } from "../session/time.ts";
import { formatRange, median, percentile } from "../statistics.ts";

/** Against `docker exec`, the command. */
const LIMIT = 1.5;

/** How far the slowest in a hundred may be from docker's median. */
const SLOWEST_LIMIT = 4;

/** With five rounds there are a hundred of each: the least of which a 99th percentile can be told. */
const SAMPLES_PER_ROUND = 20;

/** The first ones load code, on either side. */
const WARM_UP = 5;

const TRUE = ["/bin/true"] as const;

type Kind = "ours" | "command" | "api";
type Samples = Record<Kind, number[]>;

/**
 * The round trip of an exec of /bin/true over a warm connection, against dockerd on the same machine: the command
 * `docker exec`, which is what is compared, and what a client of its API does on a warm connection. They take
 * turns, so that a machine that gets busier changes all of them.
 */
export async function measureExec(host: BenchHost, rounds: number): Promise<Measurement> {
  await using engine = await startDockerEngine(host);
  const request = { image: host.imageReference, command: ["sleep", "1000000"] };
  await using machine = await openSessionMachine(host, request);
  const kinds = kindsOf(machine, engine);
  for (const work of Object.values(kinds)) await timeEach(WARM_UP, work);
  const samples: Samples = { ours: [], command: [], api: [] };
  for (let round = 0; round < rounds; round += 1) {
    const times = await measureRound(kinds, host);
    for (const [kind, values] of Object.entries(times)) samples[kind as Kind].push(...values);
    host.report(`exec ${round + 1}/${rounds}: ${describe(times)}`);
  }
  return { rows: makeRows(samples), breakdown: explain(samples, engine.version), samples };
}

type Kinds = Readonly<Record<Kind, () => Promise<void>>>;

function kindsOf({ connection }: SessionMachine, engine: DockerEngine): Kinds {
  return {
    ours: () => execute(connection, TRUE),
    command: () => engine.execByCommand(TRUE),
    api: () => engine.client.exec(engine.containerId, TRUE),
  };
}

async function measureRound(kinds: Kinds, { signal }: BenchHost): Promise<Samples> {
  const times: Samples = { ours: [], command: [], api: [] };
  for (let sample = 0; sample < SAMPLES_PER_ROUND; sample += 1) {
    signal.throwIfAborted();
    for (const kind of Object.keys(times) as Kind[]) times[kind].push(...(await timeEach(1, kinds[kind])));
  }
  return times;
}

function makeRows(samples: Samples): FigureRow[] {
  const ours = median(samples.ours);
  const command = median(samples.command);
  const slowest = percentile(samples.ours, 0.99);
  const api = median(samples.api);
  return [
    {
      label: "exec /bin/true, warm, against docker exec",
      value: ours / command,
      limit: LIMIT,
      unit: "×",
      note: `${ours.toFixed(1)} ms, docker exec ${command.toFixed(1)} ms`,
    },
    {
      label: "  its 99th percentile against docker exec's median",
      value: slowest / command,
      limit: SLOWEST_LIMIT,
      unit: "×",
      note: `${slowest.toFixed(1)} ms of ${samples.ours.length}, docker exec's own ${percentile(samples.command, 0.99).toFixed(1)} ms`,
    },
    {
      label: "  against Docker's API on a warm connection",
      value: ours / api,
      limit: undefined,
      unit: "×",
      note: `Docker's API ${api.toFixed(1)} ms`,
    },
  ];
}

function explain(samples: Samples, dockerVersion: string): string[] {
  const row = (name: string, values: readonly number[]): string =>
    `  ${name}: median ${median(values).toFixed(1)}, 90 % ${percentile(values, 0.9).toFixed(1)}, all ${formatRange(values, 1)}`;
  return [
    `Round trips of an exec of /bin/true (ms, ${samples.ours.length} of each in turn, dockerd ${dockerVersion}):`,
    row("container VM, warm connection", samples.ours),
    row("the command docker exec", samples.command),
    row("Docker's API, warm connection", samples.api),
  ];
}

function describe({ ours, command, api }: Samples): string {
  const text = (values: readonly number[]): string => `${median(values).toFixed(1)} ms`;
  return `ours ${text(ours)}, docker exec ${text(command)}, Docker's API ${text(api)}`;
}
