import { join } from "node:path";
import { VmwareHost } from "../../test/support/vmware/emulator.ts";
import { LIBVMTOOLS, makePeers } from "../../test/support/vmware/peers.ts";
import { type BenchHost, ROOT } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { formatRange, median } from "../statistics.ts";

/** Of the faster one of the two others. */
const LIMIT = 1.2;

const REQUESTS = 1000;
const KEY = "guestinfo.tether/bench";

/** What an address or a name takes. */
const VALUE = "x".repeat(64);

/** Who asks: milliseconds for {@link REQUESTS} requests, each time. */
type Samples = Record<"ours" | "libvmtools" | "Go", number[]>;

/**
 * A thousand `info-get` in one process under the emulator of VMware's backdoor: the agent's client in Node, VMware's
 * libvmtools on one channel that stays open, and VMware's Go client, which opens one for each. Its time is mostly that
 * of the emulator, which stops the program at each instruction: so it counts how many each of them needs.
 */
export async function measureInfoGet(host: BenchHost, rounds: number): Promise<Measurement> {
  using vmware = new VmwareHost();
  vmware.set(KEY, VALUE);
  const { goClient, cClient } = makePeers();
  const addon = join(ROOT, "build/native/tether.node");
  const client = join(ROOT, "bench/guestinfo/time-info-get.ts");
  const programs = {
    ours: { program: [process.execPath, client, addon, KEY], code: [addon] },
    libvmtools: { program: [cClient, KEY], code: [LIBVMTOOLS] },
    Go: { program: [goClient, "get", KEY], code: [goClient] },
  };
  const samples: Samples = { ours: [], libvmtools: [], Go: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ["ours", "libvmtools", "Go"] as const) {
      host.signal.throwIfAborted();
      const { program, code } = programs[name];
      samples[name].push(await time(vmware, program, code));
    }
    host.report(`info-get ${round + 1}/${rounds}: ${describe(samples)}`);
  }
  const note = `${describe(samples)}; ${formatRange(samples.ours, 1)} ms`;
  const row = (name: "libvmtools" | "Go") => ({
    label: `${REQUESTS} info-get under the emulator against ${name}`,
    value: median(samples.ours) / median(samples[name]),
    limit: LIMIT,
    unit: "×" as const,
    note,
  });
  return { rows: [row("libvmtools"), row("Go")], samples };
}

/** @throws Error when the program could not get the value each time. */
async function time(
  vmware: VmwareHost,
  program: readonly string[],
  code: readonly string[],
): Promise<number> {
  const { status, output, errors } = await vmware.run([...program, String(REQUESTS)], code);
  if (status !== 0) throw new Error(`${program[0]} ended with status ${status}: ${errors}`);
  return Number(output);
}

function describe(samples: Samples): string {
  return Object.entries(samples)
    .map(([name, values]) => `${name} ${median(values).toFixed(1)} ms`)
    .join(", ");
}
