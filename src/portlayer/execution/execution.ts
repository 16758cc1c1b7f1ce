import { availableParallelism } from "node:os";
import type { ContainerRecord } from "./container-record.ts";
import { type AttachEnd, attachToContainer } from "./container-attach.ts";
import {
  pauseContainer,
  renameContainer,
  unpauseContainer,
  type ContainerChanges,
  updateContainer,
} from "./container-changes.ts";
import { listChanges } from "./container-diff.ts";
import { discardContainer } from "./container-discard.ts";
import { createContainer } from "./container-creation.ts";
import { execDetached, execInContainer, type ExecRequest } from "./container-exec.ts";
import { type FilesAccess, openContainerFiles } from "./container-files.ts";
import { type LayerOptions, writeContainerLayer } from "./container-layer.ts";
import { openVolumes } from "./journaled-volumes.ts";
import { type LogOutput, type LogRequest, readContainerLogs } from "./container-logs.ts";
import { type ContainerSize, sizeOfContainer } from "./container-size.ts";
import { resizeContainer } from "./container-resize.ts";
import { resumeContainers } from "./resume-containers.ts";
import { removeContainer } from "./container-removal.ts";
import { prepareStart, startDetached } from "./container-start.ts";
import { killContainer, stopContainer, type StopOptions } from "./container-stop.ts";
import { ContainerStore } from "./container-store.ts";
import { upgradeContainer, type Upgraded, type UpgradeOptions } from "./container-upgrade.ts";
import { containersWith, type PrunedVolumes, pruneVolumes, removeVolume } from "./container-volumes.ts";
import { waitForContainer } from "./container-wait.ts";
import { type Core, type KnownContainer, lockSettled, look, lookSettled } from "./core.ts";
import { type DueRestart, dueRestarts, type RestartOccasion, startAgain } from "./due-restarts.ts";
import { type ContainerEvent, EventJournal } from "./event-journal.ts";
import { type EventRange, streamEvents } from "./event-stream.ts";
import type { ExecutionComponents } from "./execution-components.ts";
import { ForegroundRun, type RunControl } from "./foreground-run.ts";
import { inspectContainer, type Inspection, type KnownBefore } from "./inspection.ts";
import { openContainerStatistics, type StatisticsAccess } from "./container-statistics.ts";
import { KeptGuests } from "./kept-guests.ts";
import { listProcesses, type ProcessTable } from "./process-list.ts";
import {
  type FileChange,
  type Image,
  ImageStore,
  type NewVolume,
  type VolumeRecord,
} from "../storage/index.ts";
import type { LocalStreams, WindowSize } from "../interaction/index.ts";
import type { ContainerRequest, RunRequest } from "./run-request.ts";
import { Turns } from "./turns.ts";
import { describeSshAccess, openRawLink, type RawLink, type SshAccess } from "./ssh-access.ts";

/** A start is work for one processor from end to end: fast one after the other is better than slow all at once. */
const STARTS_AT_ONCE = Math.max(2, availableParallelism());

/** One takes half a second of a processor under TCG; a guest that does not answer is not to hold up the others. */
const HANDSHAKES_AT_ONCE = 4 * STARTS_AT_ONCE;

/**
 * Container VMs, for the command and for the Docker API alike. A container is named by its name, its id or the
 * beginning of its id; whatever is refused is refused in Docker's words, as a TetherError.
 */
export class Execution {
  readonly #core: Core;
  readonly #images: ImageStore;

  constructor(components: ExecutionComponents) {
    this.#images = new ImageStore({ root: components.state.images });
    this.#core = {
      components,
      containers: new ContainerStore(components.state),
      journal: new EventJournal(components.state),
      volumes: openVolumes(components.state),
      guests: new KeptGuests(components.keepsGuests === true),
      starts: new Turns(STARTS_AT_ONCE),
      handshakes: new Turns(HANDSHAKES_AT_ONCE),
    };
  }

  /**
   * Lets container VMs go on that stand still because a disk of this machine's was full.
   *
   * @returns true when there is none: one that goes on now has to be looked at again.
   */
  resumeContainers(): Promise<boolean> {
    return resumeContainers(this.#core);
  }

  /** Containers that their restart policies want to be started again. */
  dueRestarts(occasion: RestartOccasion): DueRestart[] {
    return dueRestarts(this.#core, occasion);
  }

  /** Starts a container again if it is still due. @returns whether it was started by this call. */
  startAgain(id: string, occasion: RestartOccasion, signal: AbortSignal): Promise<boolean> {
    return startAgain(this.#core, id, occasion, signal);
  }

  /** Closes the connections to guests that are kept for whoever comes next. */
  letGo(): Promise<void> {
    return this.#core.guests[Symbol.asyncDispose]();
  }

  /** The containers' records, as they are. */
  get containers(): ContainerStore {
    return this.#core.containers;
  }

  /** The images that this machine has. */
  get images(): ImageStore {
    return this.#images;
  }

  /** Every container as it is at this moment, oldest first. */
  list(): KnownContainer[] {
    return this.#core.containers.list().flatMap((record) => look(this.#core, record) ?? []);
  }

  /** One container, once nobody is changing it. */
  look(reference: string): Promise<KnownContainer> {
    return lookSettled(this.#core, reference);
  }

  /** Makes a container and does not start it. */
  async create(request: ContainerRequest, signal: AbortSignal): Promise<ContainerRecord> {
    using container = await createContainer(this.#core, this.#images, request, { signal, isRun: false });
    return container.record;
  }

  /**
   * Makes a container, runs it in the foreground and waits for its end.
   *
   * @returns Docker's exit status; 0 when the client detached.
   * @throws TetherError what kept the container from running. It is kept as created then, with the reason, unless it
   *   was to be removed, or nobody wants it any more.
   */
  async run(request: RunRequest, streams: LocalStreams, control: RunControl): Promise<number> {
    const container = await createContainer(this.#core, this.#images, request, {
      signal: control.abort,
      isRun: true,
    });
    control.onCreated?.(container.record.id);
    const { timeoutMs } = request;
    return this.#runAttached({ container, streams, control, isNew: true, timeoutMs });
  }

  /**
   * Makes a container and starts it with nobody attached: returns once its process runs.
   *
   * @param onCreated is told of the container, whether it can be started or not.
   * @throws TetherError as {@link run} does.
   */
  async runDetached(
    request: ContainerRequest,
    signal: AbortSignal,
    onCreated: (record: ContainerRecord) => void = () => {},
  ): Promise<ContainerRecord> {
    using container = await createContainer(this.#core, this.#images, request, { signal, isRun: true });
    onCreated(container.record);
    try {
      await startDetached(this.#core, container, signal);
    } catch (error) {
      if (request.remove || signal.aborted) discardContainer(this.#core, container);
      throw error;
    }
    return container.record;
  }

  /** Starts a container with nobody attached. @returns false when it was up already. */
  async start(reference: string, signal: AbortSignal): Promise<boolean> {
    using container = await lockSettled(this.#core, reference, signal);
    return await startDetached(this.#core, container, signal);
  }

  /**
   * Starts a container with a client attached and waits for its end; attaches only when it is up already.
   *
   * @returns Docker's exit status; 0 when the client detached.
   */
  async startAttached(reference: string, streams: LocalStreams, control: RunControl): Promise<number> {
    const container = await lockSettled(this.#core, reference, control.abort);
    try {
      if (await prepareStart(this.#core, container))
        return await this.#runAttached({ container, streams, control, isNew: false, timeoutMs: undefined });
    } finally {
      container[Symbol.dispose]();
    }
    const end = await this.attach(reference, streams, control);
    return end.kind === "exited" ? end.status : 0;
  }

  /** Returns when the process has ended, or at once when it had. @returns whether it was up. */
  stop(reference: string, options: StopOptions = {}): Promise<boolean> {
    return stopContainer(this.#core, reference, options);
  }

  /** @param signal a name or a number. */
  kill(reference: string, signal: string): Promise<void> {
    return killContainer(this.#core, reference, signal);
  }

  /** Stops a container that is up, and starts it. */
  async restart(reference: string, options: StopOptions, signal: AbortSignal): Promise<void> {
    const { id } = this.#core.containers.find(reference);
    await stopContainer(this.#core, id, options);
    await this.start(id, signal);
    this.#core.journal.add("restart", this.#core.containers.find(id));
  }

  pause(reference: string): Promise<void> {
    return pauseContainer(this.#core, reference);
  }

  unpause(reference: string): Promise<void> {
    return unpauseContainer(this.#core, reference);
  }

  /** Waits until the container's process ends, if it is up. @returns Docker's exit status. */
  wait(reference: string, signal?: AbortSignal): Promise<number> {
    return waitForContainer(this.#core, reference, signal);
  }

  /** @param options `force` ends a running one first, `withVolumes` removes its volumes without a name. */
  remove(
    reference: string,
    options: { readonly force: boolean; readonly withVolumes?: boolean },
  ): Promise<void> {
    return removeContainer(this.#core, reference, options);
  }

  /** The volumes, by their names. */
  listVolumes(): VolumeRecord[] {
    return this.#core.volumes.list();
  }

  /** @throws TetherError `no-such-volume`. */
  findVolume(name: string): VolumeRecord {
    return this.#core.volumes.find(name);
  }

  /** What a volume takes of this machine's disk, and how many containers have it. */
  useOfVolume(volume: VolumeRecord): { readonly bytes: number; readonly references: number } {
    return {
      bytes: this.#core.volumes.usedBytes(volume),
      references: containersWith(this.#core.containers, volume.name).length,
    };
  }

  /** Makes a volume; one that is there already stays as it is. */
  createVolume(volume: NewVolume, signal: AbortSignal): Promise<VolumeRecord> {
    return this.#core.volumes.create(volume, signal);
  }

  /** Removes a volume that no container has. @throws TetherError `no-such-volume`, `volume-in-use`. */
  removeVolume(name: string): void {
    removeVolume(this.#core.containers, this.#core.volumes, name);
  }

  /** Removes volumes that no container has; all, or those without a name of their own. */
  pruneVolumes(all: boolean): PrunedVolumes {
    return pruneVolumes(this.#core.containers, this.#core.volumes, all);
  }

  rename(reference: string, name: string): Promise<void> {
    return renameContainer(this.#core, reference, name);
  }

  update(reference: string, changes: ContainerChanges): Promise<void> {
    return updateContainer(this.#core, reference, changes);
  }

  /** Hands a running container over to the agent of another image; its processes go on. */
  upgrade(reference: string, options: UpgradeOptions = {}): Promise<Upgraded> {
    return upgradeContainer(this.#core, reference, options);
  }

  /** Attaches to the process of a container that runs, from now on. */
  attach(reference: string, streams: LocalStreams, control: RunControl): Promise<AttachEnd> {
    return attachToContainer(this.#core, reference, streams, control);
  }

  /** Executes a process in a running container and carries its streams to its end. */
  exec(
    reference: string,
    request: ExecRequest,
    streams: LocalStreams,
    control: RunControl,
  ): Promise<AttachEnd> {
    return execInContainer(this.#core, reference, request, streams, control);
  }

  /** Executes a process in a running container in the background. @returns the exec's id. */
  execDetached(reference: string, request: ExecRequest): Promise<string> {
    return execDetached(this.#core, reference, request);
  }

  /** Gives the terminal of a running container's process another size. */
  resize(reference: string, size: WindowSize): Promise<void> {
    return resizeContainer(this.#core, reference, size);
  }

  /** @param options ps(1)'s. */
  top(reference: string, options: readonly string[]): Promise<ProcessTable> {
    return listProcesses(this.#core, reference, options);
  }

  /**
   * All about a container, in the shape of Docker's API.
   *
   * @param before what the caller knows of a container with this id: its guest is asked for less.
   */
  inspect(reference: string, before?: (id: string) => KnownBefore): Promise<Inspection> {
    return inspectContainer(this.#core, reference, before);
  }

  /** What a container takes of this machine's disk. */
  sizeOf(record: ContainerRecord): ContainerSize {
    return sizeOfContainer(this.#core.containers, record);
  }

  /** What has happened to containers, and what happens. */
  events(range: EventRange): AsyncGenerator<ContainerEvent> {
    return streamEvents(this.#core, range);
  }

  /** What a container's process has printed. */
  logs(reference: string, request: LogRequest): AsyncGenerator<LogOutput> {
    return readContainerLogs(this.#core, reference, request);
  }

  /** What OpenSSH needs to come to a running container VM. */
  ssh(reference: string): Promise<SshAccess> {
    return describeSshAccess(this.#core, reference);
  }

  /** The statistics of a container whose machine is up, on a connection of their own; ends with its disposal. */
  openStatistics(reference: string, signal: AbortSignal): Promise<StatisticsAccess> {
    return openContainerStatistics(this.#core, reference, signal);
  }

  /** The files of a container, whether it runs or not; ends with its disposal. */
  openFiles(reference: string, signal: AbortSignal): Promise<FilesAccess> {
    return openContainerFiles(this.#core, reference, signal);
  }

  /** What a container has changed of its image's files, ordered by path. */
  changes(reference: string, signal: AbortSignal): Promise<readonly FileChange[]> {
    return listChanges(this.#core, reference, signal);
  }

  /** Writes what a container has changed into a new file, as a layer of an image. */
  writeLayer(reference: string, file: string, options: LayerOptions): Promise<void> {
    return writeContainerLayer(this.#core, reference, file, options);
  }

  /** Writes down for `events` what was done with a container elsewhere, in Docker's words. */
  tell(record: ContainerRecord, action: string, attributes: Record<string, string> = {}): void {
    this.#core.journal.add(action, record, attributes);
  }

  /** Writes down for `events` what was done with an image. @param id and `name` as dockerd has them for this action. */
  tellImage(image: Image, action: string, id = image.digest, name = id): void {
    this.#core.journal.addOther("image", action, id, { ...image.configuration.labels, name });
  }

  /** A link to a running container VM for whoever speaks SSH himself. */
  openLink(reference: string): Promise<RawLink> {
    return openRawLink(this.#core, reference);
  }

  #runAttached(parts: Omit<ConstructorParameters<typeof ForegroundRun>[0], "core">): Promise<number> {
    return new ForegroundRun({ core: this.#core, ...parts }).complete();
  }
}
