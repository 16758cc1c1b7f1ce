import { rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import {
  CONSOLE_LOG,
  type HypervisorDriver,
  identifyProcess,
  type Machine,
  type MachineSpecification,
  type TemplateRequest,
} from "../../hypervisor/index.ts";
import type { Snapshot } from "../../protocol/control-messages.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type { LocalStreams } from "../interaction/index.ts";
import { type LinkKeys, makeLinkKeys } from "../interaction/link-keys.ts";
import { createContainerDisk, type Image } from "../storage/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import type { BootFiles } from "./boot-files.ts";
import {
  type ContainerConfiguration,
  encodeConfiguration,
  encodeTemplateConfiguration,
} from "./configuration-document.ts";
import { type ContainerRecord, exitStatus, type RecordedExit } from "./container-record.ts";
import type { ContainerRun } from "./container-run.ts";
import type { ContainerStore } from "./container-store.ts";
import { type RunRequest, virtualCpus } from "./run-request.ts";

/** How long a machine may take to power off by itself: Docker's grace for `stop`. */
const POWER_OFF_LIMIT_MS = 10_000;

const DISK = "disk.qcow2";
const CONFIGURATION = "config.pb";
const LOG = "log";

/** How a process ended whose machine's plug was pulled. */
const KILLED: RecordedExit = { code: 0, signal: constants.signals.SIGKILL };

/** A started run, for whoever has signals to pass on. */
export interface RunControl {
  /** Ends everything at once: the container VM is destroyed. */
  readonly abort: AbortSignal;
  /** Is told how to signal the process, once there is one. */
  readonly onRunning: (signal: (signal: number) => Promise<void>) => void;
}

/** What a run in the foreground is made of. */
export interface ForegroundRunParts {
  readonly containers: ContainerStore;
  readonly driver: HypervisorDriver;
  readonly bootFiles: BootFiles;
  readonly image: Image;
  readonly request: RunRequest;
  /** The container's record, made and with its name taken. */
  readonly record: ContainerRecord;
  readonly configuration: ContainerConfiguration;
  readonly streams: LocalStreams;
  readonly control: RunControl;
  readonly report: (line: string) => void;
  /** For who wants to know more. */
  readonly reportDetail: (line: string) => void;
  /** The folder of the templates. */
  readonly templates: string;
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
}

/** One container in the foreground, from its record to its end; then nothing of it is left but what is to be kept. */
export class ForegroundRun {
  readonly #parts: ForegroundRunParts;
  readonly #folder: string;
  #record: ContainerRecord;
  #machine: Machine | undefined;
  #isKept = false;
  #overtime: NodeJS.Timeout | undefined;

  constructor(parts: ForegroundRunParts) {
    this.#parts = parts;
    this.#record = parts.record;
    this.#folder = parts.containers.folderOf(parts.record.id);
  }

  /**
   * @returns Docker's exit status.
   * @throws TetherError what kept the container from running, or the abort's reason.
   */
  async complete(): Promise<number> {
    try {
      const keys = makeLinkKeys();
      const machine = await this.#boot(keys);
      const exit = await this.#follow(machine, keys);
      await this.#powerOff(machine);
      this.#keep({ exit });
      return exitStatus(exit);
    } catch (error) {
      return await this.#explain(error);
    } finally {
      clearTimeout(this.#overtime);
      await this.#machine?.destroy();
      if (!this.#isKept) this.#parts.containers.remove(this.#record);
    }
  }

  async #boot(keys: LinkKeys): Promise<Machine> {
    const { containers, driver, image, configuration, control } = this.#parts;
    writeFileAtomically(join(this.#folder, CONFIGURATION), encodeConfiguration(configuration, keys));
    await createContainerDisk({
      image: image.disk,
      target: join(this.#folder, DISK),
      signal: control.abort,
    });
    const machine = await driver.start(this.#specification(), { signal: control.abort });
    this.#machine = machine;
    // The hypervisor has read it, and it holds the guest's private key.
    rmSync(join(this.#folder, CONFIGURATION));
    this.#record = {
      ...this.#record,
      machine: identifyProcess(machine.pid),
      started: new Date().toISOString(),
    };
    containers.save(this.#record);
    return machine;
  }

  #specification(): MachineSpecification {
    const { request, bootFiles, record } = this.#parts;
    return {
      name: record.name,
      folder: this.#folder,
      ...bootFiles,
      memoryBytes: request.memoryBytes,
      cpus: virtualCpus(request),
      acceleration: request.acceleration,
      hardware: request.hardware,
      disk: join(this.#folder, DISK),
      configuration: join(this.#folder, CONFIGURATION),
      log: join(this.#folder, LOG),
      templates: this.#templates(),
    };
  }

  #templates(): TemplateRequest | undefined {
    const { request, templates, reportDetail } = this.#parts;
    if (request.start === "cold") return undefined;
    return { folder: templates, configuration: encodeTemplateConfiguration(), report: reportDetail };
  }

  async #follow(machine: Machine, keys: LinkKeys): Promise<RecordedExit> {
    const { request, streams, control, onStages } = this.#parts;
    // The SSH client is loaded while the machine boots, not before.
    const { ContainerRun } = await import("./container-run.ts");
    const run = new ContainerRun({
      machine,
      keys,
      streams,
      consoleLog: join(this.#folder, CONSOLE_LOG),
      log: join(this.#folder, LOG),
      startTimeoutMs: request.startTimeoutMs,
      onStages,
      onStarted: () => this.#processStarted(run),
    });
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(control.abort.reason);
    control.abort.addEventListener("abort", onAbort);
    if (control.abort.aborted) onAbort();
    try {
      return await Promise.race([run.complete(), aborted.promise]);
    } finally {
      control.abort.removeEventListener("abort", onAbort);
    }
  }

  #processStarted(run: ContainerRun): void {
    const { request, control, configuration } = this.#parts;
    // A process that has run may have written what its user wants to keep.
    this.#isKept = !request.remove;
    const stopSignal = parseSignal(configuration.stopSignal);
    // Who is told to end, tells the process so in the words of its image.
    control.onRunning((signal) => run.signal(signal === constants.signals.SIGTERM ? stopSignal : signal));
    const { timeoutMs } = request;
    if (timeoutMs !== undefined)
      this.#overtime = setTimeout(() => this.#endOvertime(run, timeoutMs), timeoutMs);
  }

  #endOvertime(run: ContainerRun, timeoutMs: number): void {
    this.#parts.report(`the container ran longer than ${timeoutMs / 1000} s (--timeout): killing it`);
    run.signal(constants.signals.SIGKILL).catch(() => {
      // It has ended this moment.
    });
  }

  /** A disk that is thrown away need not be brought to rest: the plug is pulled. */
  async #powerOff(machine: Machine): Promise<void> {
    if (!this.#isKept) {
      await machine.destroy();
      return;
    }
    const limit = setTimeout(() => void machine.destroy(), POWER_OFF_LIMIT_MS);
    await machine.ended;
    clearTimeout(limit);
  }

  async #explain(thrown: unknown): Promise<number> {
    const { abort } = this.#parts.control;
    const error: unknown = abort.aborted ? abort.reason : thrown;
    await this.#machine?.destroy();
    if (this.#parts.containers.isRemoved(this.#record.id)) {
      this.#isKept = false;
      return exitStatus(KILLED);
    }
    this.#keep({ exit: KILLED, error: String(error) });
    throw error;
  }

  #keep(outcome: Pick<ContainerRecord, "exit" | "error">): void {
    if (!this.#isKept) return;
    const { machine: _machine, owner: _owner, ...rest } = this.#record;
    this.#parts.containers.save({ ...rest, ...outcome, finished: new Date().toISOString() });
  }
}
