import { randomInt } from "node:crypto";
import type { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { execute } from "../session/exec.ts";
import { openSessionMachine } from "../session/session-machine.ts";

/** 250 rounds make the 10,000 of the promise, which take a quarter of an hour under emulation. */
const EXECS_PER_ROUND = 40;

/** So many at once: the guest's agent is busy with several, and their outputs come mixed. */
const CONCURRENCY = 8;

const LEAST_BYTES = 1024;
const MOST_BYTES = 64 * 1024;

/** Every number has this many digits: where a byte stands, and of which exec it is, can be told from it. */
const FIRST_NUMBER = 1_000_000;
const LAST_NUMBER = 9_000_000;
const LINE_BYTES = "1000000\n".length;

/** What became of one exec's output. */
interface Delivery {
  readonly bytes: number;
  /** Bytes that are missing, too many, or another than what stands there. */
  readonly wrongBytes: number;
}

/**
 * Bytes that are lost, reordered or altered in short execs that print 1 to 64 KiB, some at the same time, over one
 * connection: each prints numbers from a place of its own on.
 */
export async function measureExecLoss(host: BenchHost, rounds: number): Promise<Measurement> {
  const request = { image: host.imageReference, command: ["sleep", "1000000"] };
  await using machine = await openSessionMachine(host, request);
  const deliveries: Delivery[] = [];
  for (let round = 0; round < rounds; round += 1) {
    host.signal.throwIfAborted();
    await runRound(machine.connection, deliveries);
    host.report(`exec-loss ${round + 1}/${rounds}: ${sum(deliveries, "wrongBytes")} bytes wrong`);
  }
  const mebibytes = (sum(deliveries, "bytes") / (1024 * 1024)).toFixed(1);
  return {
    rows: [
      {
        label: "bytes lost or reordered in short execs",
        value: sum(deliveries, "wrongBytes"),
        limit: 0,
        unit: "bytes",
        note: `${deliveries.length} execs, ${mebibytes} MiB, ${CONCURRENCY} at once; --rounds 250 makes 10000`,
      },
    ],
    samples: deliveries.filter(({ wrongBytes }) => wrongBytes > 0),
  };
}

async function runRound(connection: GuestConnection, deliveries: Delivery[]): Promise<void> {
  let started = 0;
  const work = async (): Promise<void> => {
    while (started < EXECS_PER_ROUND) {
      started += 1;
      deliveries.push(await runOne(connection));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

async function runOne(connection: GuestConnection): Promise<Delivery> {
  const lines = Math.floor(randomInt(LEAST_BYTES, MOST_BYTES + 1) / LINE_BYTES);
  const first = randomInt(FIRST_NUMBER, LAST_NUMBER);
  const chunks: Buffer[] = [];
  await execute(connection, ["seq", String(first), String(first + lines - 1)], (chunk) => chunks.push(chunk));
  const expected = Buffer.from(Array.from({ length: lines }, (_, index) => `${first + index}\n`).join(""));
  return { bytes: expected.length, wrongBytes: countDifferences(Buffer.concat(chunks), expected) };
}

function countDifferences(actual: Buffer, expected: Buffer): number {
  if (actual.equals(expected)) return 0;
  let count = Math.abs(actual.length - expected.length);
  for (let at = 0; at < Math.min(actual.length, expected.length); at += 1)
    if (actual[at] !== expected[at]) count += 1;
  return count;
}

function sum(deliveries: readonly Delivery[], field: keyof Delivery): number {
  return deliveries.reduce((total, delivery) => total + delivery[field], 0);
}
