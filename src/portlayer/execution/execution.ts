import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CONSOLE_LOG,
  type HypervisorDriver,
  identifyProcess,
  isRunning,
  type Machine,
  type ProcessIdentity,
} from "../../hypervisor/index.ts";
import type { Snapshot } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type { LocalStreams } from "../interaction/index.ts";
import { type LinkKeys, makeLinkKeys } from "../interaction/link-keys.ts";
import { createContainerDisk, type Image, ImageStore, parseImageReference } from "../storage/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { findBootFiles } from "./boot-files.ts";
import { type ContainerConfiguration, encodeConfiguration } from "./configuration-document.ts";
import { type ContainerRecord, exitStatus, type RecordedExit } from "./container-record.ts";
import type { ContainerRun } from "./container-run.ts";
import { ContainerStore } from "./container-store.ts";
import { mergeConfiguration, type RunRequest, virtualCpus } from "./run-request.ts";
import type { StateFolder } from "./state-folder.ts";

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/** How long a process that was asked to end by SIGTERM or SIGHUP may take: Docker's `stop` default. */
const STOP_GRACE_MS = 10_000;

/** A killed QEMU is gone after some 20 ms. */
const KILL_POLL_MS = 5;

const DISK = "disk.qcow2";
const CONFIGURATION = "config.pb";
const LOG = "log";

/** The port layer's execution part is made of these. */
export interface ExecutionComponents {
  readonly state: StateFolder;
  readonly driver: HypervisorDriver;
  /** iso-build's output folder. */
  readonly bootFolder: string;
  /** Progress for the user: one line each. */
  readonly report: (line: string) => void;
  /** Start-up stages of the guest, when they are known. */
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
}

/** A started run, for whoever has signals to pass on. */
export interface RunControl {
  /** Ends everything at once: the container VM is destroyed. */
  readonly abort: AbortSignal;
  /** Is told how to signal the process, once there is a machine. */
  readonly onRunning: (signal: (signal: number) => Promise<void>) => void;
}

/** A container whose machine is up. */
interface StartedContainer {
  readonly machine: Machine;
  readonly keys: LinkKeys;
  readonly folder: string;
  /** Number of the signal that asks its process to stop. */
  readonly stopSignal: number;
  /** Its process runs. */
  readonly onStarted: () => void;
}

/** Makes, runs and removes container VMs. */
export class Execution {
  readonly #components: ExecutionComponents;
  readonly #images: ImageStore;
  readonly containers: ContainerStore;

  constructor(components: ExecutionComponents) {
    this.#components = components;
    this.#images = new ImageStore({ root: components.state.images });
    this.containers = new ContainerStore(components.state);
  }

  /**
   * Makes a container, runs it in the foreground and waits for its end.
   *
   * @returns Docker's exit status.
   * @throws TetherError what kept the container from running; nothing of it is left then, except its record when
   *   its machine was started and it was not to be removed.
   */
  async run(request: RunRequest, streams: LocalStreams, control: RunControl): Promise<number> {
    const { abort } = control;
    const bootFiles = findBootFiles(this.#components.bootFolder, request.boot);
    const image = await this.#images.acquire(parseImageReference(request.image), {
      signal: abort,
      onProgress: this.#components.report,
    });
    const configuration = (name: string, id: string): ContainerConfiguration =>
      mergeConfiguration(request, image, { id, name, window: streams.terminal?.size() });
    const id = randomBytes(ID_BYTES).toString("hex");
    const { args, stopSignal } = configuration("", id);
    const record = this.containers.create(request.name, (name) => newRecord(id, name, request, image, args));
    let machine: Machine | undefined;
    let running: ContainerRecord | undefined;
    let keep = false;
    try {
      const folder = this.containers.folderOf(id);
      const keys = makeLinkKeys();
      writeFileAtomically(
        join(folder, CONFIGURATION),
        encodeConfiguration(configuration(record.name, id), keys),
      );
      await createContainerDisk({ image: image.disk, target: join(folder, DISK), signal: abort });
      machine = await this.#components.driver.start(
        {
          name: record.name,
          folder,
          ...bootFiles,
          memoryBytes: request.memoryBytes,
          cpus: virtualCpus(request),
          acceleration: request.acceleration,
          hardware: request.hardware,
          disk: join(folder, DISK),
          configuration: join(folder, CONFIGURATION),
          log: join(folder, LOG),
        },
        { signal: abort },
      );
      // The hypervisor has read it, and it holds the guest's private key.
      rmSync(join(folder, CONFIGURATION));
      const started = { ...record, machine: identifyProcess(machine.pid), started: new Date().toISOString() };
      this.containers.save(started);
      const exit = await this.#follow(request, streams, control, {
        machine,
        keys,
        folder,
        stopSignal: parseSignal(stopSignal),
        onStarted: () => {
          running = started;
          keep = !request.remove;
        },
      });
      await this.#release(machine, request.remove);
      if (keep) this.containers.save(ended(started, { exit }));
      return exitStatus(exit);
    } catch (thrown) {
      const error: unknown = abort.aborted ? abort.reason : thrown;
      await machine?.destroy();
      if (this.containers.isRemoved(record.id)) {
        keep = false;
        return exitStatus(KILLED);
      }
      // A process that has run may have written what its user wants to keep.
      if (keep && running !== undefined)
        this.containers.save(ended(running, { exit: KILLED, error: String(error) }));
      throw error;
    } finally {
      await machine?.destroy();
      if (!keep) this.containers.remove(record);
    }
  }

  /**
   * Removes a container.
   *
   * @param force destroys a running machine first.
   * @throws TetherError `no-such-container`, `container-running` in Docker's words.
   */
  async remove(reference: string, { force }: { readonly force: boolean }): Promise<void> {
    const record = this.containers.find(reference);
    const { machine } = record;
    if (machine !== undefined && isRunning(machine)) {
      if (!force) {
        throw new TetherError(
          "container-running",
          `You cannot remove a running container ${record.id}. Stop the container before attempting removal or force remove`,
        );
      }
      // Whoever runs it is to know why it ends.
      this.containers.save({ ...record, isRemoved: true });
      await killMachine(machine);
    }
    this.containers.remove(record);
  }

  async #follow(
    request: RunRequest,
    streams: LocalStreams,
    { abort, onRunning }: RunControl,
    { machine, keys, folder, stopSignal, onStarted }: StartedContainer,
  ): Promise<RecordedExit> {
    let limit: NodeJS.Timeout | undefined;
    // The SSH client is loaded while the machine boots, not before.
    const { ContainerRun } = await import("./container-run.ts");
    const run = new ContainerRun({
      machine,
      keys,
      streams,
      consoleLog: join(folder, CONSOLE_LOG),
      log: join(folder, LOG),
      startTimeoutMs: request.startTimeoutMs,
      onStages: this.#components.onStages,
      onStarted: () => {
        onStarted();
        // Who is told to end, tells the process so in the words of its image.
        onRunning((signal) => run.signal(signal === constants.signals.SIGTERM ? stopSignal : signal));
        if (request.timeoutMs === undefined) return;
        limit = setTimeout(() => this.#endOvertime(run, request.timeoutMs ?? 0), request.timeoutMs);
      },
    });
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => aborted.reject(abort.reason);
    abort.addEventListener("abort", onAbort);
    if (abort.aborted) onAbort();
    try {
      return await Promise.race([run.complete(), aborted.promise]);
    } finally {
      clearTimeout(limit);
      abort.removeEventListener("abort", onAbort);
    }
  }

  #endOvertime(run: ContainerRun, timeoutMs: number): void {
    this.#components.report(`the container ran longer than ${timeoutMs / 1000} s (--timeout): killing it`);
    run.signal(parseSignal("KILL")).catch(() => {
      // It has ended this moment.
    });
  }

  /** A disk that is thrown away need not be brought to rest: the plug is pulled. */
  async #release(machine: Machine, discard: boolean): Promise<void> {
    if (discard) {
      await machine.destroy();
      return;
    }
    const limit = setTimeout(() => void machine.destroy(), STOP_GRACE_MS);
    await machine.ended;
    clearTimeout(limit);
  }
}

/** A machine whose `vch` may be gone is no child of ours: its end can only be looked for. */
async function killMachine(machine: ProcessIdentity): Promise<void> {
  process.kill(machine.pid, "SIGKILL");
  const limit = Date.now() + STOP_GRACE_MS;
  while (isRunning(machine) && Date.now() < limit) await delay(KILL_POLL_MS);
}

function newRecord(
  id: string,
  name: string,
  request: RunRequest,
  image: Image,
  args: readonly string[],
): ContainerRecord {
  return {
    version: 1,
    id,
    name,
    image: request.image,
    imageDigest: image.digest,
    command: [...args],
    created: new Date().toISOString(),
    tty: request.tty,
    memoryBytes: request.memoryBytes,
    cpus: virtualCpus(request),
    owner: identifyProcess(process.pid),
  };
}

/** How a process ended whose machine's plug was pulled. */
const KILLED: RecordedExit = { code: 0, signal: 9 };

function ended(record: ContainerRecord, outcome: Pick<ContainerRecord, "exit" | "error">): ContainerRecord {
  const { machine: _machine, owner: _owner, ...rest } = record;
  return { ...rest, ...outcome, finished: new Date().toISOString() };
}
