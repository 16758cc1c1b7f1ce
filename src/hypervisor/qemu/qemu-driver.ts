import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { HypervisorDriver, Machine, MachineSpecification } from "../driver.ts";
import { chooseAcceleration } from "./acceleration.ts";
import { PID_FILE, qemuArguments, UEFI_CODE, UEFI_VARIABLES, UEFI_VARIABLES_TEMPLATE } from "./command-line.ts";
import { identifyProcess, type ProcessIdentity } from "./process-identity.ts";
import { QemuMachine } from "./qemu-machine.ts";

/** Debian's name of the program, in package qemu-system-x86. */
const QEMU = "qemu-system-x86_64";

/** QEMU's complaints are a few lines. */
const MAX_COMPLAINT_BYTES = 16 * 1024;

/** Runs container VMs as QEMU processes on this machine. */
export class QemuDriver implements HypervisorDriver {
  readonly #program: string;

  /** @param program another QEMU than the one on the path. */
  constructor(program: string = QEMU) {
    this.#program = program;
  }

  async start(specification: MachineSpecification, { signal }: { readonly signal: AbortSignal }): Promise<Machine> {
    signal.throwIfAborted();
    const accelerator = chooseAcceleration(specification.acceleration);
    if (specification.boot.from === "iso" && specification.boot.firmware === "uefi") prepareUefi(specification.folder);
    await this.#launch(qemuArguments(specification, accelerator), specification.folder);
    const identity = readIdentity(specification.folder);
    try {
      const machine = await QemuMachine.adopt(identity, specification.folder);
      if (signal.aborted) await machine.destroy();
      signal.throwIfAborted();
      return machine;
    } catch (error) {
      if (identifyProcess(identity.pid)?.startTime === identity.startTime) process.kill(identity.pid, "SIGKILL");
      throw error;
    }
  }

  /** With -daemonize the program returns when the machine runs and its sockets listen, or says why not. */
  async #launch(args: readonly string[], folder: string): Promise<void> {
    // QEMU's own directory for temporary files must not be the user's; HOME and the like are none of its business.
    const child = spawn(this.#program, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"], env: { PATH: process.env["PATH"] } });
    let complaint = "";
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => {
      complaint = (complaint + text).slice(-MAX_COMPLAINT_BYTES);
    });
    const [code] = (await once(child, "exit").catch((error: NodeJS.ErrnoException) => {
      throw error.code === "ENOENT"
        ? new TetherError("tool-missing", `${this.#program} is not installed: apt-get install qemu-system-x86`)
        : TetherError.from(error, "hypervisor-failed", `starting ${this.#program}`);
    })) as [number | null];
    if (code !== 0) throw new TetherError("hypervisor-failed", `QEMU could not start the container VM: ${lastLine(complaint)}`);
  }
}

function prepareUefi(folder: string): void {
  try {
    copyFileSync(UEFI_VARIABLES_TEMPLATE, join(folder, UEFI_VARIABLES));
  } catch (error) {
    throw TetherError.from(error, "tool-missing", `no UEFI firmware (${UEFI_CODE}): apt-get install ovmf`);
  }
}

function readIdentity(folder: string): ProcessIdentity {
  const pid = Number.parseInt(readFileSync(join(folder, PID_FILE), "utf8"), 10);
  const identity = identifyProcess(pid);
  if (identity === undefined) throw new TetherError("hypervisor-failed", "QEMU ended as soon as it had started");
  return identity;
}

/** The last line that says something, without the program's name. */
function lastLine(complaint: string): string {
  const lines = complaint.split("\n").filter((line) => line.trim() !== "");
  return (lines.at(-1) ?? "it gave no reason").replace(/^\S*qemu-system-\S+?:\s*/, "");
}
