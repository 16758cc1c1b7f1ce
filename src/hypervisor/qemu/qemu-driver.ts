import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type {
  AdoptedMachine,
  HypervisorDriver,
  Machine,
  MachineSpecification,
  RunningMachine,
  StartOptions,
  TemplateRequest,
} from "../driver.ts";
import { chooseAcceleration } from "./acceleration.ts";
import { copyMemory } from "./copied-memory.ts";
import { AdoptedQemuMachine } from "./adopted-machine.ts";
import { qemuArguments, UEFI_CODE, UEFI_VARIABLES, UEFI_VARIABLES_TEMPLATE } from "./command-line.ts";
import { plugFolder } from "./host-folder-devices.ts";
import { requireFolderServers, startFolderServers } from "./host-folder-server.ts";
import { plugInterface, requireBackends } from "./network-devices.ts";
import type { MachineVolume } from "../machine-volume.ts";
import { isRunning } from "./process-identity.ts";
import { explainLock, plugVolume } from "./volume-devices.ts";
import type { QmpClient } from "./qmp-client.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { type QemuLaunch, type QemuProcess, startQemu } from "./qemu-process.ts";
import { templateInterfaces } from "./template-interfaces.ts";
import { templateVolumes } from "./template-volumes.ts";
import { restore } from "./template-state.ts";
import { INHERITED_MEMORY, INHERITED_STATE, type Template, TemplateStore } from "./template-store.ts";

/** Debian's name of the program, in package qemu-system-x86. */
const QEMU = "qemu-system-x86_64";

/** How long the steps of a forked start may take before the machine boots instead. */
interface ForkLimits {
  /** From a template's power-on until its guest waits to be forked. */
  readonly readyMs: number;
  /** From a fork's start until its guest goes on. */
  readonly restoreMs: number;
}

/** Under TCG on a busy machine a boot has taken 20 s, and a fork is there within 0.2 s on a quiet one. */
const FORK_LIMITS: ForkLimits = { readyMs: 60_000, restoreMs: 30_000 };

/** What a machine that boots would meet as well. */
const AS_BOOTED: ReadonlySet<string> = new Set(["tool-missing", "volume-in-use", "invalid-option"]);

/** How one start is carried out. */
interface Start extends StartOptions {
  readonly specification: MachineSpecification;
  readonly accelerator: "kvm" | "tcg";
}

/** Runs container VMs as QEMU processes on this machine. */
export class QemuDriver implements HypervisorDriver {
  readonly #program: string;
  readonly #limits: ForkLimits;

  /**
   * @param program another QEMU than the one on the path.
   * @param limits of a forked start.
   */
  constructor(program: string = QEMU, limits: ForkLimits = FORK_LIMITS) {
    this.#program = program;
    this.#limits = limits;
  }

  async start(specification: MachineSpecification, options: StartOptions): Promise<Machine> {
    options.signal.throwIfAborted();
    const { folder, boot, hardware, interfaces, folders, templates } = specification;
    requireBackends(interfaces);
    requireFolderServers(folders);
    const start = {
      specification,
      accelerator: chooseAcceleration(specification.acceleration),
      ...options,
    };
    if (boot.from === "iso" && boot.firmware === "uefi") prepareUefi(folder);
    // Templates are for what is started again and again; another boot medium is asked for to try just that.
    const canFork = boot.from === "kernel" && hardware === "virtio";
    const process =
      canFork && templates !== undefined ? await this.#forkOrBoot(start, templates) : await this.#boot(start);
    return new QemuMachine({ ...process, folder });
  }

  adopt({ identity, folder }: RunningMachine): AdoptedMachine | undefined {
    return isRunning(identity) ? new AdoptedQemuMachine(identity, folder) : undefined;
  }

  async #boot(start: Start): Promise<QemuProcess> {
    const { specification, accelerator, signal } = start;
    const args = qemuArguments(specification, accelerator);
    const { fileLimitBytes } = specification;
    try {
      return await this.#launch(start, { args, fileLimitBytes, signal, descriptors: [] });
    } catch (error) {
      throw explainLock(error);
    }
  }

  /** With the servers of its folders: their connections come behind the other descriptors. */
  async #launch(
    { specification: { folder, folders }, writeConfiguration }: Start,
    launch: Omit<QemuLaunch, "program" | "folder"> & { readonly descriptors: readonly number[] },
  ): Promise<QemuProcess> {
    const servers = await startFolderServers(folders, folder);
    try {
      const descriptors = [...launch.descriptors, ...servers.connections];
      writeConfiguration?.();
      return await startQemu({ ...launch, program: this.#program, folder, descriptors });
    } catch (error) {
      servers.release();
      // QEMU only knows that nobody answered.
      throw (await servers.failure()) ?? error;
    } finally {
      servers.release();
    }
  }

  /** Boots where there is no template, or none that works; such a one is removed, and the next start makes another. */
  async #forkOrBoot(start: Start, request: TemplateRequest): Promise<QemuProcess> {
    const { specification, accelerator, signal } = start;
    const store = new TemplateStore({ program: this.#program, request, readyLimitMs: this.#limits.readyMs });
    let used: Template | undefined;
    try {
      using template = await store.acquire(specification, accelerator, signal);
      used = template;
      if (template !== undefined) return await this.#wake(start, template);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TetherError && AS_BOOTED.has(error.code)) throw error;
      request.report(`no forked start: ${error instanceof Error ? error.message : String(error)}`);
    }
    const booted = await this.#boot(start);
    // A machine whose network or disk is at fault does not boot either.
    if (used !== undefined) store.discard(used);
    return booted;
  }

  async #wake(start: Start, template: Template): Promise<QemuProcess> {
    const { specification, accelerator } = start;
    const limit = AbortSignal.timeout(this.#limits.restoreMs);
    const signal = AbortSignal.any([start.signal, limit]);
    const [state, memory] = template.descriptors;
    // Whoever serves a folder writes to the guest's memory: that cannot be the template's.
    const isShared = specification.folders.length > 0;
    const kind = isShared
      ? ({ kind: "copied" } as const)
      : ({ kind: "forked", file: INHERITED_MEMORY } as const);
    try {
      return await this.#launch(start, {
        args: qemuArguments(specification, accelerator, kind),
        ...{ fileLimitBytes: specification.fileLimitBytes, signal },
        descriptors: isShared ? [state] : [state, memory],
        prepare: async ({ qmp, identity }) => {
          if (isShared) await copyMemory(memory, identity, signal);
          await restore(qmp, INHERITED_STATE);
          await plugOthers(qmp, specification);
          await goOn(qmp, specification.volumes);
        },
      });
    } catch (error) {
      if (error !== limit.reason) throw error;
      const seconds = this.#limits.restoreMs / 1000;
      throw new TetherError("hypervisor-failed", `the template did not go on within ${seconds} s`);
    }
  }
}

/** What the template does not have. */
async function plugOthers(
  qmp: QmpClient,
  { interfaces, volumes, folders, hardware }: MachineSpecification,
): Promise<void> {
  for (const each of interfaces.slice(templateInterfaces(interfaces).length))
    await plugInterface(qmp, each, hardware);
  for (const each of volumes.slice(templateVolumes(volumes).length)) await plugVolume(qmp, each, hardware);
  for (const each of folders) await plugFolder(qmp, each, hardware);
}

/** Only now QEMU locks the files of the disks that were there from the start, without a word which one it cannot. */
async function goOn(qmp: QmpClient, volumes: readonly MachineVolume[]): Promise<void> {
  try {
    await qmp.execute("cont");
  } catch (error) {
    throw explainLock(error, volumes.map(({ file }) => file).join(" or "));
  }
}

function prepareUefi(folder: string): void {
  try {
    copyFileSync(UEFI_VARIABLES_TEMPLATE, join(folder, UEFI_VARIABLES));
  } catch (error) {
    throw TetherError.from(error, "tool-missing", `no UEFI firmware (${UEFI_CODE}): apt-get install ovmf`);
  }
}
