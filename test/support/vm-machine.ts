import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KERNEL_COMMAND_LINE } from "../../iso-build/command-line.ts";
import {
  identifyProcess,
  type Machine,
  type MachineInterface,
  type MachineVolume,
  type RunningMachine,
} from "../../src/hypervisor/index.ts";
import { type LinkKeys, makeLinkKeys } from "../../src/portlayer/interaction/index.ts";
import {
  createContainerDisk,
  diskLayers,
  ImageStore,
  parseImageReference,
} from "../../src/portlayer/storage/index.ts";
import { tether } from "../../src/protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../../src/protocol/link-names.ts";
import { DEMO_IMAGE, ROOT } from "./project-files.ts";
import type { VmHost } from "./vm-host.ts";
import { machineDriver } from "./machine-driver.ts";

/** A container VM that was started without the port layer, and what is needed to speak with it. */
export interface StartedMachine {
  readonly machine: Machine;
  readonly running: RunningMachine;
  readonly keys: LinkKeys;
  readonly document: tether.config.Config.$Properties;
}

/** Where a machine's files are: those of the test, and those of a state folder. */
export type MachineFolders = Pick<VmHost, "file" | "state">;

/** Starts a container VM of the demo image that runs a shell on its standard input. The caller destroys it. */
export async function startShellMachine(
  host: MachineFolders,
  {
    start,
    name = start,
    fileLimitBytes,
    interfaces = [],
    volumes = [],
  }: {
    readonly start: "cold" | "forked";
    readonly name?: string;
    readonly fileLimitBytes?: number;
    /** Plugged; the document names none of them. */
    readonly interfaces?: readonly MachineInterface[];
    /** As well. */
    readonly volumes?: readonly MachineVolume[];
  },
): Promise<StartedMachine> {
  const { signal } = new AbortController();
  const folder = host.file(name);
  mkdirSync(folder, { recursive: true });
  const images = new ImageStore({ root: host.state("images") });
  const image = await images.acquire(parseImageReference(DEMO_IMAGE), { signal });
  const disk = join(folder, "disk.qcow2");
  await createContainerDisk({ image: image.disk, target: disk, signal });
  const keys = makeLinkKeys();
  const configuration = join(folder, "config");
  const document = shellDocument(keys);
  writeFileSync(configuration, tether.config.Config.encode(document).finish());
  const templates = host.state("templates");
  mkdirSync(templates, { recursive: true });
  const boot = (file: string): string => join(ROOT, "build/boot", file);
  const machine = await machineDriver().start(
    {
      name: "many_clients",
      folder,
      boot: {
        from: "kernel",
        kernel: boot("vmlinuz"),
        initramfs: boot("initramfs"),
        agentImage: boot("agent.erofs"),
      },
      kernelCommandLine: KERNEL_COMMAND_LINE,
      memoryBytes: 256 * 1024 * 1024,
      cpus: 2,
      acceleration: "auto",
      hardware: "virtio",
      disk,
      diskLayers: diskLayers(image.disk),
      configuration,
      interfaces,
      volumes,
      folders: [],
      log: join(folder, "log"),
      fileLimitBytes,
      templates:
        start === "cold"
          ? undefined
          : { folder: templates, configuration: encodeTemplateConfiguration(), report: () => {} },
    },
    { signal },
  );
  rmSync(configuration);
  const identity = identifyProcess(machine.pid);
  assert(identity !== undefined);
  return { machine, running: { identity, folder }, keys, document };
}

function shellDocument(keys: LinkKeys): tether.config.Config.$Properties {
  return {
    version: CONFIGURATION_VERSION,
    id: "0".repeat(64),
    name: "many_clients",
    hostname: "many-clients",
    session: {
      args: [Buffer.from("sh")],
      env: [Buffer.from("PATH=/bin:/sbin:/usr/bin:/usr/sbin")],
      workingDirectory: Buffer.from("/"),
      user: "",
      openStdin: true,
      stopSignal: "SIGTERM",
    },
    hostTimeMs: Date.now(),
    randomSeed: Buffer.alloc(64, 1),
    link: { hostKey: keys.hostPrivateKey, clientPublicKey: keys.clientPublicKey },
  };
}

function encodeTemplateConfiguration(): Uint8Array {
  return tether.config.Config.encode({ version: CONFIGURATION_VERSION, template: true }).finish();
}
