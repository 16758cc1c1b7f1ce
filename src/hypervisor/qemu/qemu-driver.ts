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
import {
  type CommandMachine,
  type MachineMemory,
  qemuArguments,
  UEFI_CODE,
  UEFI_VARIABLES,
  UEFI_VARIABLES_TEMPLATE,
} from "./command-line.ts";
import { findProgram } from "./find-program.ts";
import { plugFolder } from "./host-folder-devices.ts";
import { requireFolderServers, startFolderServers } from "./host-folder-server.ts";
import { plugInterface, requireBackends } from "./network-devices.ts";
import type { MachineVolume } from "../machine-volume.ts";
import { isRunning } from "./process-identity.ts";
import { explainLock, plugVolume } from "./volume-devices.ts";
import type { QmpClient } from "./qmp-client.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { FIRST_DESCRIPTOR, type QemuLaunch, type QemuProcess, startQemu } from "./qemu-process.ts";
import { CALLERS_USER, type QemuUser } from "./qemu-user.ts";
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

/** What sets one way of starting apart. */
interface Launch extends Pick<QemuLaunch, "signal"> {
  readonly memory: MachineMemory;
  readonly descriptors: readonly number[];
  readonly prepare?: (process: QemuProcess, machine: CommandMachine) => Promise<void>;
}

/** With where its sockets are. */
interface Launched extends QemuProcess {
  readonly folder: string;
}

/** Runs container VMs as QEMU processes on this machine. */
export class QemuDriver implements HypervisorDriver {
  readonly #program: string;
  readonly #limits: ForkLimits;
  readonly #user: QemuUser;

  /**
   * @param program another QEMU than the one on the path.
   * @param limits of a forked start.
   * @param user as whom machines run; whoever starts them, when nothing is said.
   */
  constructor(program: string = QEMU, limits: ForkLimits = FORK_LIMITS, user: QemuUser = CALLERS_USER) {
    this.#program = program;
    this.#limits = limits;
    this.#user = user;
  }

  /** Debian's QEMU with another user than its caller's. */
  static of(user: QemuUser): QemuDriver {
    return new QemuDriver(QEMU, FORK_LIMITS, user);
  }

  async start(specification: MachineSpecification, options: StartOptions): Promise<Machine> {
    options.signal.throwIfAborted();
    const { boot, hardware, interfaces, folders, templates } = specification;
    requireBackends(interfaces);
    requireFolderServers(folders);
    const start = {
      specification,
      accelerator: chooseAcceleration(specification.acceleration, undefined, () => this.#user.whyNoKvm()),
      ...options,
    };
    // Templates are for what is started again and again; another boot medium is asked for to try just that.
    const canFork = boot.from === "kernel" && hardware === "virtio";
    const launched =
      canFork && templates !== undefined ? await this.#forkOrBoot(start, templates) : await this.#boot(start);
    return new QemuMachine(launched);
  }

  adopt({ identity, folder }: RunningMachine): AdoptedMachine | undefined {
    return isRunning(identity) ? new AdoptedQemuMachine(identity, folder, this.#user) : undefined;
  }

  async #boot(start: Start): Promise<Launched> {
    try {
      return await this.#launch(start, { memory: { kind: "fresh" }, descriptors: [], signal: start.signal });
    } catch (error) {
      throw explainLock(error);
    }
  }

  /** With the servers of its folders: their connections come behind the other descriptors. */
  async #launch(
    { specification, accelerator, writeConfiguration }: Start,
    { memory, descriptors, signal, prepare }: Launch,
  ): Promise<Launched> {
    const { folder, folders, fileLimitBytes } = specification;
    const servers = await startFolderServers(folders, folder);
    try {
      const inherited = [...descriptors, ...servers.connections];
      writeConfiguration?.();
      const firstDescriptor = FIRST_DESCRIPTOR + inherited.length;
      using surroundings = this.#user.prepare({
        machine: specification,
        accelerator,
        memory,
        firstDescriptor,
      });
      const { machine, room, environment, limitsFiles, spareSets } = surroundings;
      if (hasUefi(specification)) prepareUefi(room);
      const started = await startQemu({
        command: surroundings.command(
          findProgram(this.#program),
          qemuArguments(machine, accelerator, memory),
        ),
        descriptors: [...inherited, ...surroundings.descriptors],
        ...{ folder, room, environment, signal },
        fileLimitBytes: limitsFiles ? undefined : fileLimitBytes,
        prepare: async (process) => {
          await prepare?.(process, machine);
          for (const each of spareSets) await process.qmp.execute("remove-fd", { "fdset-id": each });
        },
      }).catch((error: unknown) => {
        throw surroundings.explain(error);
      });
      return { ...started, folder: room };
    } catch (error) {
      servers.release();
      // QEMU only knows that nobody answered.
      throw (await servers.failure()) ?? error;
    } finally {
      servers.release();
    }
  }

  /** Boots where there is no template, or none that works; such a one is removed, and the next start makes another. */
  async #forkOrBoot(start: Start, request: TemplateRequest): Promise<Launched> {
    const { specification, accelerator, signal } = start;
    const store = new TemplateStore({
      ...{ program: findProgram(this.#program), user: this.#user, request },
      readyLimitMs: this.#limits.readyMs,
    });
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

  async #wake(start: Start, template: Template): Promise<Launched> {
    const { specification } = start;
    const limit = AbortSignal.timeout(this.#limits.restoreMs);
    const signal = AbortSignal.any([start.signal, limit]);
    const [state, memory] = template.descriptors;
    // Whoever serves a folder writes to the guest's memory: that cannot be the template's.
    const isShared = specification.folders.length > 0;
    const own: MachineMemory = isShared
      ? ({ kind: "copied" } as const)
      : ({ kind: "forked", file: INHERITED_MEMORY } as const);
    try {
      return await this.#launch(start, {
        ...{ memory: own, signal },
        descriptors: isShared ? [state] : [state, memory],
        prepare: async ({ qmp, identity }, machine) => {
          if (isShared) await copyMemory(memory, identity, signal);
          await restore(qmp, INHERITED_STATE);
          await plugOthers(qmp, machine);
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

const hasUefi = ({ boot }: MachineSpecification): boolean => boot.from === "iso" && boot.firmware === "uefi";

function prepareUefi(folder: string): void {
  try {
    copyFileSync(UEFI_VARIABLES_TEMPLATE, join(folder, UEFI_VARIABLES));
  } catch (error) {
    throw TetherError.from(error, "tool-missing", `no UEFI firmware (${UEFI_CODE}): apt-get install ovmf`);
  }
}
