import { setTimeout as delay } from "node:timers/promises";
import { programWithLibraries } from "../../test/support/program-with-libraries.ts";
import { StatisticsClient } from "../../test/support/statistics-client.ts";
import { writeBusyboxImage } from "../../test/support/vm-images.ts";
import type { BenchHost } from "../bench-host.ts";
import { openSessionMachine } from "../session/session-machine.ts";

/** A difference at idle takes some 70 bytes, an SSH packet around it 30. */
const SENT_BYTES = 100;

/** V8's flags are the agent's (scripts/agent/bootstrap.cjs). */
const FLAGS = ["sparkplug", "parallel-scavenge", "concurrent-marking", "concurrent-sweeping"];
const SCRIPT = `const bytes = Buffer.alloc(${SENT_BYTES}, 65); setInterval(() => process.stdout.write(bytes), 1000);`;

/** The start, and what V8 does soon after it. */
const START_MS = 20_000;
const MEASURED_SECONDS = 40;

/**
 * What Node itself takes to send something once a second: a program in a container VM that wakes and writes to a pipe,
 * with nothing read, encoded or encrypted.
 *
 * @returns CPU of it in percent of one processor.
 */
export async function measureNodeFloor(host: BenchHost): Promise<number> {
  const entries = [...programWithLibraries(process.execPath), { name: "script.cjs", data: SCRIPT }];
  const folder = `${host.folder}/node-floor`;
  const image = await writeBusyboxImage(folder, { entries, config: { Env: ["PATH=/bin"] } });
  const options = ["--cpus", "2", "--memory", "512m", "--network", "user"];
  const command = ["node", ...FLAGS.map((flag) => `--no-${flag}`), "/script.cjs"];
  await using machine = await openSessionMachine(host, { image, command, options });
  await delay(START_MS, undefined, { signal: host.signal });
  const client = await StatisticsClient.open(machine.connection);
  client.send({ getSample: {} });
  await client.count(1);
  await delay(MEASURED_SECONDS * 1000, undefined, { signal: host.signal });
  client.send({ getSample: {} });
  await client.count(2);
  await client.close();
  const [before, after] = client.samples;
  const usedUs = (after?.containerCpu?.usageUs ?? 0) - (before?.containerCpu?.usageUs ?? 0);
  return (100 * usedUs) / ((after?.monotonicUs ?? 0) - (before?.monotonicUs ?? 0));
}
