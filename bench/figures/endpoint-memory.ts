import { readFile } from "node:fs/promises";
import type { BenchHost } from "../bench-host.ts";
import { IMAGE, makeArchive } from "../endpoint/sides.ts";
import { startEndpoint } from "../endpoint/start-endpoint.ts";
import type { Measurement } from "../figure.ts";

/** Of the endpoint alone: each QEMU has its own. */
const LIMIT_MB = 200;

const CONTAINERS = 50;

const BYTES_PER_KIBIBYTE = 1024;
const BYTES_PER_MEGABYTE = 1_000_000;

/** What the endpoint's process takes while many containers run that it has started: its resident set. */
export async function measureEndpointMemory(host: BenchHost): Promise<Measurement> {
  await using endpoint = await startEndpoint(host);
  const { docker, pid } = endpoint;
  await docker("load", "-i", await makeArchive(host, host.imageReference, "demo"));
  const before = await residentOf(pid);
  for (let count = 1; count <= CONTAINERS; count += 1) {
    host.signal.throwIfAborted();
    await docker("run", "-d", "--network", "none", "-m", "96m", IMAGE, "sleep", "1000000");
    if (count % 10 === 0)
      host.report(`endpoint-memory: ${count} containers, ${(await residentOf(pid)).toFixed(1)} MB`);
  }
  const running = (await docker("ps", "-q")).split("\n").length;
  if (running !== CONTAINERS) throw new Error(`${running} containers run, not ${CONTAINERS}`);
  const after = await residentOf(pid);
  return {
    rows: [
      {
        label: `vch serve with ${CONTAINERS} running containers`,
        value: after,
        limit: LIMIT_MB,
        unit: "MB",
        note: `resident; ${before.toFixed(1)} MB before the first`,
      },
    ],
    samples: { before, after },
  };
}

/** VmRSS of proc(5), in MB. */
async function residentOf(pid: number): Promise<number> {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kibibytes === undefined) throw new Error(`/proc/${pid}/status tells no VmRSS`);
  return (Number(kibibytes) * BYTES_PER_KIBIBYTE) / BYTES_PER_MEGABYTE;
}
