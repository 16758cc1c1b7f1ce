import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { GuestConnection } from "../../src/portlayer/interaction/index.ts";
import { tether } from "../../src/protocol/generated/config.js";
import { ShellGuest } from "../../test/support/shell-guest.ts";
import { startShellMachine } from "../../test/support/vm-machine.ts";
import type { BenchHost } from "../bench-host.ts";
import type { Measurement } from "../figure.ts";
import { formatRange, median } from "../statistics.ts";

/** What a reload that adds a vNIC and a volume may take. */
const LIMIT_MS = 500;

const DISK_BYTES = 64 * 1024 * 1024;
const MAC = "02:00:00:00:00:77";

interface Round {
  /** Until the hypervisor has plugged both. */
  readonly plugMs: number;
  /** From the request to its answer: both are configured. */
  readonly reloadMs: number;
}

/**
 * A container VM, forked and without any of either, is given a vNIC and a disk by its hypervisor, and at once a document
 * that names both: a static address with route and the usual firewall, an ext4 volume. Each round is another VM: the
 * first vNIC and the first volume cost the most.
 */
export async function measureReload(host: BenchHost, rounds: number): Promise<Measurement> {
  // It makes the template and fills the page cache.
  await measureRound(host, "first");
  const samples: Round[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const sample = await measureRound(host, String(round));
    samples.push(sample);
    host.report(
      `reload ${round}/${rounds}: ${sample.reloadMs.toFixed(0)} ms after ${sample.plugMs.toFixed(0)} ms of plugging`,
    );
  }
  const times = samples.map(({ reloadMs }) => reloadMs);
  const plugging = samples.map(({ plugMs }) => plugMs);
  return {
    rows: [
      {
        ...{
          label: "a reload that adds a vNIC and a volume",
          value: median(times),
          limit: LIMIT_MS,
          unit: "ms",
        },
        note: `${formatRange(times, 0)} ms; QEMU plugs both in ${formatRange(plugging, 0)} ms before`,
      },
    ],
    samples,
  };
}

async function measureRound(host: BenchHost, round: string): Promise<Round> {
  const folders = {
    file: (...parts: readonly string[]) => join(host.folder, "reload", round, ...parts),
    state: (...parts: readonly string[]) => join(host.state.root, ...parts),
  };
  const started = await startShellMachine(folders, { start: "forked", name: "machine" });
  try {
    const guest = new ShellGuest(started);
    const disk = folders.file("machine", "volume.raw");
    makeDisk(disk);
    return await guest.use((connection) => reload(guest, connection, disk));
  } finally {
    await started.machine.destroy();
    rmSync(folders.file(), { recursive: true });
  }
}

async function reload(guest: ShellGuest, connection: GuestConnection, disk: string): Promise<Round> {
  const document = tether.config.Config.encode({
    ...guest.document,
    ...{ generation: 1, interfaces: [INTERFACE], volumes: [VOLUME] },
  }).finish();
  const machine = guest.adopt();
  const beginMs = performance.now();
  await machine.plugInterface(
    {
      id: "net0",
      mac: MAC,
      model: "virtio-net",
      backend: { kind: "user", network: "10.0.2.0/24", forwards: [] },
    },
    "virtio",
  );
  await machine.plugVolume(
    { id: "volume", file: disk, format: "raw", serial: "volume", model: "virtio-blk", isReadOnly: false },
    "virtio",
  );
  const pluggedMs = performance.now();
  const { reloaded } = await connection.request({ reload: { document } });
  const endMs = performance.now();
  const changes = (reloaded?.changes ?? []).join(", ");
  if (changes !== "add interfaces[eth0], add volumes[volume]")
    throw new Error(`the reload has done: ${changes}`);
  return { plugMs: pluggedMs - beginMs, reloadMs: endMs - pluggedMs };
}

const INTERFACE = { name: "eth0", mac: MAC, addresses: ["10.0.2.15/24"], gateway4: "10.0.2.2" };
const VOLUME = {
  ...{ name: "volume", target: Buffer.from("/volume"), populate: true },
  block: { serial: "volume", fileSystem: "ext4" },
};

function makeDisk(file: string): void {
  closeSync(openSync(file, "w"));
  truncateSync(file, DISK_BYTES);
  execFileSync("mke2fs", ["-q", "-t", "ext4", file], { env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" } });
}
