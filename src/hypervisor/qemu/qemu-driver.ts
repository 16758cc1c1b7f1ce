import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, copyFileSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { TetherError } from "../../protocol/errors/index.ts";
import type { HypervisorDriver, Machine, MachineSpecification } from "../driver.ts";
import { chooseAcceleration } from "./acceleration.ts";
import {
  QEMU_LOG,
  qemuArguments,
  START_SOCKET,
  UEFI_CODE,
  UEFI_VARIABLES,
  UEFI_VARIABLES_TEMPLATE,
} from "./command-line.ts";
import { identifyProcess } from "./process-identity.ts";
import { QemuMachine } from "./qemu-machine.ts";
import { QmpClient } from "./qmp-client.ts";
import { listenInFolder } from "./unix-socket.ts";

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

  async start(
    specification: MachineSpecification,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Machine> {
    signal.throwIfAborted();
    const { folder, boot } = specification;
    const accelerator = chooseAcceleration(specification.acceleration);
    if (boot.from === "iso" && boot.firmware === "uefi") prepareUefi(folder);
    const server = createServer();
    await listenInFolder(server, folder, START_SOCKET);
    const child = this.#spawn(qemuArguments(specification, accelerator), folder);
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    try {
      const qmp = new QmpClient(await orAborted(callFrom(child, server, folder), signal));
      const identity = identifyProcess(child.pid ?? 0);
      if (identity === undefined)
        throw new TetherError("hypervisor-failed", "QEMU ended as soon as it had started");
      const machine = new QemuMachine({ identity, folder, exited, qmp });
      await orAborted(qmp.execute("qmp_capabilities"), signal);
      return machine;
    } catch (error) {
      // A program that could not be started has no exit to wait for.
      if (child.pid !== undefined) {
        child.kill("SIGKILL");
        await exited;
      }
      throw error;
    } finally {
      server.close();
      rmSync(join(folder, START_SOCKET), { force: true });
    }
  }

  /** In a session of its own: it goes on when its starter ends, and a terminal's ^C is not for it. */
  #spawn(args: readonly string[], folder: string): ChildProcess {
    const log = openSync(join(folder, QEMU_LOG), "a", 0o600);
    try {
      return spawn(this.#program, args, {
        cwd: folder,
        detached: true,
        stdio: ["ignore", log, log],
        env: { PATH: process.env["PATH"] },
      });
    } finally {
      closeSync(log);
    }
  }
}

/** Waits for QEMU to call: everything listens then, and the machine runs. Or says why it never will. */
function callFrom(child: ChildProcess, server: Server, folder: string): Promise<Socket> {
  const call = Promise.withResolvers<Socket>();
  server.once("connection", (socket) => {
    // It may end before anybody listens to it.
    socket.on("error", () => {});
    call.resolve(socket);
  });
  child.once("error", (error: NodeJS.ErrnoException) => call.reject(explainSpawn(error, child.spawnfile)));
  child.once("exit", (_code, killer) => {
    const reason = killer === null ? lastLine(readComplaint(folder)) : `ended by ${killer}`;
    call.reject(new TetherError("hypervisor-failed", `QEMU could not start the container VM: ${reason}`));
  });
  return call.promise;
}

/** @throws the signal's reason when that comes first. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function explainSpawn(error: NodeJS.ErrnoException, program: string): TetherError {
  return error.code === "ENOENT"
    ? new TetherError("tool-missing", `${program} is not installed: apt-get install qemu-system-x86`)
    : TetherError.from(error, "hypervisor-failed", `starting ${program}`);
}

function prepareUefi(folder: string): void {
  try {
    copyFileSync(UEFI_VARIABLES_TEMPLATE, join(folder, UEFI_VARIABLES));
  } catch (error) {
    throw TetherError.from(error, "tool-missing", `no UEFI firmware (${UEFI_CODE}): apt-get install ovmf`);
  }
}

function readComplaint(folder: string): string {
  return readFileSync(join(folder, QEMU_LOG)).subarray(-MAX_COMPLAINT_BYTES).toString("utf8");
}

/** The last line that says something, without the program's name. */
function lastLine(complaint: string): string {
  const lines = complaint.split("\n").filter((line) => line.trim() !== "");
  return (lines.at(-1) ?? "it gave no reason").replace(/^\S*qemu-system-\S+?:\s*/, "");
}
