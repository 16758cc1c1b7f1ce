import { spawn } from "node:child_process";
import { once } from "node:events";
import type { BenchHost } from "../bench-host.ts";
import { describeSamples, IMAGE, makeArchive, ratioOf, type Samples, Sides } from "../endpoint/sides.ts";
import type { Measurement } from "../figure.ts";
import { systemEnvironment } from "../peers/find-missing.ts";
import { timeMs } from "../session/time.ts";

/** Of dockerd's. */
const AT_LEAST = 0.7;

const CONTAINER = "bench";
const LINES = 1_000_000;

/** With its newline. */
const LINE_BYTES = 100;

const BYTES_PER_MEGABYTE = 1_000_000;

/** A line again and again: what a program prints that is not slow. */
const PRINT = `yes ${"x".repeat(LINE_BYTES - 1)} | head -n ${LINES}`;

/** `docker logs` of a container that has printed 100 MB, with both in turn. */
export async function measureDockerLogs(host: BenchHost, rounds: number): Promise<Measurement> {
  await using sides = await Sides.start(host);
  await sides.docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  const words = ["-d", "--name", CONTAINER, "--network", "none", IMAGE, "sh", "-c", PRINT];
  await sides.each(async ({ docker }, side) => {
    await docker("run", ...words);
    host.report(`docker logs: ${side} takes ${(LINES * LINE_BYTES) / BYTES_PER_MEGABYTE} MB down`);
    await docker("wait", CONTAINER);
  });
  const rates: Samples = { vch: [], dockerd: [] };
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    await sides.each(async ({ socket }, side) => void rates[side].push(await rateOf(socket, host.signal)));
    host.report(`docker logs ${round + 1}/${rounds}: ${describeSamples(rates, "MB/s")}`);
  }
  return {
    rows: [
      {
        label: "docker logs of 100 MB, against dockerd",
        value: ratioOf(rates),
        limit: undefined,
        atLeast: AT_LEAST,
        unit: "×",
        note: describeSamples(rates, "MB/s"),
      },
    ],
    samples: rates,
  };
}

/** @throws Error when not every byte comes. */
async function rateOf(socket: string, signal: AbortSignal): Promise<number> {
  let bytes = 0;
  const elapsedMs = await timeMs(async () => {
    const logs = spawn("docker", ["-H", `unix://${socket}`, "logs", CONTAINER], {
      env: systemEnvironment(),
      signal,
      stdio: ["ignore", "pipe", "ignore"],
    });
    logs.stdout.on("data", (chunk: Buffer) => (bytes += chunk.length));
    await once(logs, "close");
  });
  if (bytes !== LINES * LINE_BYTES) throw new Error(`${bytes} bytes of ${LINES * LINE_BYTES} came`);
  return bytes / BYTES_PER_MEGABYTE / (elapsedMs / 1000);
}
