import { performance } from "node:perf_hooks";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { Attachment } from "../../src/portlayer/interaction/index.ts";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { openSessionMachine, type SessionMachine } from "../session/session-machine.ts";
import { formatRange, median } from "../statistics.ts";

/** Beyond the process's own time. */
const LIMIT_MS = 100;

/** What the process does with its stop signal; it tells, to 10 ms, when it began and when it was done with it. */
const COOPERATIVE = `
now() { read -r now rest < /proc/uptime; echo "$1 $now"; }
stop() { now began; sleep 0.2; now done; exit 0; }
trap stop TERM
echo ready
while :; do sleep 1000 > /dev/null 2>&1 & wait; done
`;

const BEGAN = /^began (\d+\.\d+)$/m;
const DONE = /^done (\d+\.\d+)$/m;
const READY_POLL_MS = 10;

interface StopSample {
  /** From the request to the exit, known here. */
  readonly elapsedMs: number;
  /** By the process's own clock. */
  readonly ownMs: number;
}

/**
 * The stop of a process that ends by itself: the time from the request on a warm connection until its exit is known
 * here, without what the process itself takes from its signal to its end. Each stop is of a container VM of its own.
 */
export async function measureStop(host: BenchHost, rounds: number): Promise<Measurement> {
  const samples: StopSample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    const sample = await measureOne(host);
    samples.push(sample);
    host.report(`stop ${round + 1}/${rounds}: ${describe(sample)}`);
  }
  const extra = samples.map(extraMs);
  const own = median(samples.map(({ ownMs }) => ownMs)).toFixed(0);
  const note = `the process's own ${own} ms; ${formatRange(extra, 0)} ms in ${rounds} rounds`;
  return {
    rows: [
      {
        label: "stop of a cooperative process, beyond its own time",
        value: median(extra),
        limit: LIMIT_MS,
        unit: "ms",
        note,
      },
    ],
    samples,
  };
}

async function measureOne(host: BenchHost): Promise<StopSample> {
  const command = ["sh", "-c", COOPERATIVE];
  await using machine = await openSessionMachine(host, { image: host.imageReference, command });
  const output = followOutput(machine);
  await output.containing(/^ready$/m, host.signal);
  const exited = Promise.withResolvers<number>();
  machine.onEvent((event) => {
    if ((event.sessionId ?? "") === "" && event.exited) exited.resolve(performance.now());
  });
  const startMs = performance.now();
  await machine.connection.request({ stopSession: { signal: 0, defaultGrace: true } });
  const elapsedMs = (await exited.promise) - startMs;
  const [began, done] = [
    await output.containing(BEGAN, host.signal),
    await output.containing(DONE, host.signal),
  ];
  return { elapsedMs, ownMs: (Number(done[1]) - Number(began[1])) * 1000 };
}

interface FollowedOutput {
  /** Waits until the output matches. */
  containing(pattern: RegExp, signal: AbortSignal): Promise<RegExpExecArray>;
}

function followOutput({ connection }: SessionMachine): FollowedOutput {
  let text = "";
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString("latin1");
      done();
    },
  });
  const streams = { input: undefined, output: sink, errorOutput: sink };
  // Its end is the connection's, which the machine's end breaks.
  new Attachment(streams, "", "follow").carry(connection, 0).catch(() => {});
  return {
    containing: async (pattern, signal) => {
      for (;;) {
        const match = pattern.exec(text);
        if (match !== null) return match;
        await delay(READY_POLL_MS, undefined, { signal });
      }
    },
  };
}

function extraMs({ elapsedMs, ownMs }: StopSample): number {
  return elapsedMs - ownMs;
}

function describe(sample: StopSample): string {
  return `${sample.elapsedMs.toFixed(0)} ms, the process's own ${sample.ownMs.toFixed(0)} ms`;
}
