import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type {
  AdoptedMachine,
  HypervisorDriver,
  Machine,
  MachineSpecification,
  RunningMachine,
  TemplateRequest,
} from "../driver.ts";
import { chooseAcceleration } from "./acceleration.ts";
import { AdoptedQemuMachine } from "./adopted-machine.ts";
import { qemuArguments, UEFI_CODE, UEFI_VARIABLES, UEFI_VARIABLES_TEMPLATE } from "./command-line.ts";
import { isRunning } from "./process-identity.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { type QemuProcess, startQemu } from "./qemu-process.ts";
import { restore } from "./template-state.ts";
import { type Template, TemplateStore } from "./template-store.ts";

/** Debian's name of the program, in package qemu-system-x86. */
const QEMU = "qemu-system-x86_64";

/** How one start is carried out. */
interface Start {
  readonly specification: MachineSpecification;
  readonly accelerator: "kvm" | "tcg";
  readonly signal: AbortSignal;
}

/** Runs container VMs as QEMU processes on this machine. */
export class QemuDriver implements HypervisorDriver {
  readonly #program: string;

  /** @param program another QEMU than the one on the path. */
  constructor(program: string = QEMU) {
    this.#program = program;
  }

  async start(
    specification: MachineSpecification,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Machine> {
    signal.throwIfAborted();
    const { folder, boot, hardware, templates } = specification;
    const start = { specification, accelerator: chooseAcceleration(specification.acceleration), signal };
    if (boot.from === "iso" && boot.firmware === "uefi") prepareUefi(folder);
    // Templates are for what is started again and again; another boot medium is asked for to try just that.
    const canFork = boot.from === "kernel" && hardware === "virtio";
    const forked = canFork && templates !== undefined ? await this.#fork(start, templates) : undefined;
    return new QemuMachine({ ...(forked ?? (await this.#boot(start))), folder });
  }

  adopt({ identity, folder }: RunningMachine): AdoptedMachine | undefined {
    return isRunning(identity) ? new AdoptedQemuMachine(identity, folder) : undefined;
  }

  #boot({ specification, accelerator, signal }: Start): Promise<QemuProcess> {
    const args = qemuArguments(specification, accelerator);
    return startQemu({ program: this.#program, args, folder: specification.folder, signal });
  }

  /** @returns undefined when there is no template, or none that works. */
  async #fork(start: Start, request: TemplateRequest): Promise<QemuProcess | undefined> {
    const { specification, accelerator, signal } = start;
    const store = new TemplateStore(this.#program, request);
    let template: Template | undefined;
    try {
      template = await store.acquire(specification, accelerator, signal);
      if (template === undefined) return undefined;
      const args = qemuArguments(specification, accelerator, { kind: "forked", file: template.memory });
      using state = template.openState();
      return await startQemu({
        program: this.#program,
        args,
        folder: specification.folder,
        signal,
        descriptor: state.descriptor,
        prepare: ({ qmp }) => restore(qmp),
      });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TetherError && error.code === "tool-missing") throw error;
      if (template !== undefined) store.discard(template);
      request.report(`no forked start: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}

function prepareUefi(folder: string): void {
  try {
    copyFileSync(UEFI_VARIABLES_TEMPLATE, join(folder, UEFI_VARIABLES));
  } catch (error) {
    throw TetherError.from(error, "tool-missing", `no UEFI firmware (${UEFI_CODE}): apt-get install ovmf`);
  }
}
