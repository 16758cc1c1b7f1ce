import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  type HypervisorDriver,
  identifyProcess,
  isRunning,
  type ProcessIdentity,
} from "../../hypervisor/index.ts";
import type { Snapshot } from "../../protocol/control-messages.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { LocalStreams } from "../interaction/index.ts";
import { type Image, ImageStore, parseImageReference } from "../storage/index.ts";
import { findBootFiles } from "./boot-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { ContainerStore } from "./container-store.ts";
import { ForegroundRun, type RunControl } from "./foreground-run.ts";
import { mergeConfiguration, type RunRequest, virtualCpus } from "./run-request.ts";
import type { StateFolder } from "./state-folder.ts";

/** Docker's ids: 64 hexadecimal digits. */
const ID_BYTES = 32;

/** A killed QEMU is gone after some 20 ms; one that the kernel cannot end is not waited for longer. */
const KILL_LIMIT_MS = 10_000;
const KILL_POLL_MS = 5;

/** The port layer's execution part is made of these. */
export interface ExecutionComponents {
  readonly state: StateFolder;
  readonly driver: HypervisorDriver;
  /** iso-build's output folder. */
  readonly bootFolder: string;
  /** Progress for the user: one line each. */
  readonly report: (line: string) => void;
  /** What a user only wants to know who asks for it. */
  readonly reportDetail: (line: string) => void;
  /** Start-up stages of the guest, when they are known. */
  readonly onStages: (stages: NonNullable<Snapshot["stages"]>) => void;
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
   * @throws TetherError what kept the container from running; nothing of it is left then, except a container whose
   *   process has run and that was not to be removed.
   */
  async run(request: RunRequest, streams: LocalStreams, control: RunControl): Promise<number> {
    const { driver, bootFolder, report, reportDetail, onStages, state } = this.#components;
    const bootFiles = findBootFiles(bootFolder, request.boot);
    const image = await this.#images.acquire(parseImageReference(request.image), {
      signal: control.abort,
      onProgress: report,
    });
    const id = randomBytes(ID_BYTES).toString("hex");
    const window = streams.terminal?.size();
    // Before anything is made: what cannot be run is refused here.
    const { args } = mergeConfiguration(request, image, { id, name: "", window });
    const record = this.containers.create(request.name, (name) => newRecord(id, name, request, image, args));
    const configuration = mergeConfiguration(request, image, { id, name: record.name, window });
    const { containers } = this;
    const parts = {
      containers,
      driver,
      bootFiles,
      image,
      request,
      record,
      configuration,
      streams,
      control,
      report,
      reportDetail,
      templates: state.templates,
      onStages,
    };
    return new ForegroundRun(parts).complete();
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
}

/** A machine whose `vch` may be gone is no child of ours: its end can only be looked for. */
async function killMachine(machine: ProcessIdentity): Promise<void> {
  process.kill(machine.pid, "SIGKILL");
  const limit = Date.now() + KILL_LIMIT_MS;
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
