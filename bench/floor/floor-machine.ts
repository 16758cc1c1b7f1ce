import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type CpioEntry, writeCpio } from "../../iso-build/initramfs/cpio-archive.ts";
import { CONSOLE_LOG, type MachineSpecification, QemuDriver } from "../../src/hypervisor/index.ts";
import { findBootFiles } from "../../src/portlayer/execution/boot-files.ts";
import { virtualCpus } from "../../src/portlayer/execution/run-request.ts";
import { createContainerDisk } from "../../src/portlayer/storage/index.ts";
import { BOOT_FOLDER, type BenchHost } from "../bench-host.ts";
import { ACCELERATION, defaultRunRequest } from "../run-requests.ts";

/** One run of a floor machine. */
export interface FloorRun {
  /** From the start of the hypervisor's process to its end. */
  readonly elapsedMs: number;
  readonly console: string;
}

/**
 * Boots the floor: the machine that `vch run` would start, by the same driver and so with the same QEMU flags,
 * kernel, command line, disks and ports, but with nothing in its initramfs except one static init.
 *
 * @param init path of the static program.
 * @throws Error unless the guest powered itself off.
 */
export async function runFloor(host: BenchHost, init: string): Promise<FloorRun> {
  const folder = await mkdtemp(join(host.folder, "floor-"));
  try {
    const specification = await prepare(host, folder, init);
    const startMs = performance.now();
    const machine = await new QemuDriver().start(specification, { signal: host.signal });
    const onAbort = (): void => void machine.destroy();
    host.signal.addEventListener("abort", onAbort);
    const { reason } = await machine.ended;
    const elapsedMs = performance.now() - startMs;
    host.signal.removeEventListener("abort", onAbort);
    host.signal.throwIfAborted();
    const console = await readFile(join(folder, CONSOLE_LOG), "latin1");
    if (reason !== "powered-off")
      throw new Error(`the floor machine ended by ${reason}: ${console.slice(-300)}`);
    return { elapsedMs, console };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function prepare(host: BenchHost, folder: string, init: string): Promise<MachineSpecification> {
  const request = defaultRunRequest(host.imageReference, []);
  const { boot, kernelCommandLine } = findBootFiles(BOOT_FOLDER, "kernel");
  if (boot.from !== "kernel") throw new Error("the floor boots from a kernel file");
  const file = (name: string): string => join(folder, name);
  await writeFile(file("initramfs"), writeCpio(initramfsEntries(await readFile(init))));
  await writeFile(file("config.pb"), "nobody reads it");
  await createContainerDisk({ image: host.imageDisk, target: file("disk.qcow2"), signal: host.signal });
  return {
    name: "floor",
    folder,
    boot: { ...boot, initramfs: file("initramfs") },
    kernelCommandLine,
    memoryBytes: request.memoryBytes,
    cpus: virtualCpus(request),
    acceleration: ACCELERATION,
    hardware: request.hardware,
    disk: file("disk.qcow2"),
    diskLayers: [],
    configuration: file("config.pb"),
    interfaces: [],
    volumes: [],
    folders: [],
    log: file("log"),
    templates: undefined,
  };
}

function initramfsEntries(init: Buffer): CpioEntry[] {
  return [
    { kind: "folder", path: "dev" },
    { kind: "character-device", path: "dev/console", permissions: 0o600, major: 5, minor: 1 },
    { kind: "folder", path: "proc" },
    { kind: "file", path: "init", permissions: 0o755, content: init },
  ];
}
