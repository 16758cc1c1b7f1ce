import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CONSOLE_LOG, identifyProcess, type Machine } from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { GuestConnection, type LinkKeys, makeLinkKeys } from "../interaction/index.ts";
import { markedStart } from "./abandoned-start.ts";
import { encodeConfiguration } from "./configuration-document.ts";
import { prepareStart } from "./container-start.ts";
import { hasGuest, observeState } from "./container-state.ts";
import type { LockedContainer } from "./container-store.ts";
import { type Core, lockSettled } from "./core.ts";
import { openGuest } from "./guest-access.ts";
import { eventError, explainConsole } from "./guest-outcome.ts";
import { encodeVolumes, provideHostFolders } from "../storage/index.ts";
import { refuseVolumesInUse } from "./container-volumes.ts";
import { powerOn, provideDisk, settingsOf, specify } from "./machine-start.ts";

/** Of the machine that serves files: its sockets and its console, below the container's folder. */
const FOLDER = "files";

/** Pause before a link is tried again that is not there yet. */
const RECONNECT_PAUSE_MS = 20;

/** Bringing a disk to rest takes a fraction of a second, after large copies some seconds. */
const POWER_OFF_LIMIT_MS = 60_000;

/** A connection to the guest that has a container's files; ends with its disposal. */
export interface FilesAccess extends AsyncDisposable {
  readonly connection: GuestConnection;
}

/**
 * Opens the files of a container. One that does not run gets a machine for that time, in which its process is not
 * started: its disk is not for this machine's kernel to mount, and nobody else knows its mounts. Until the disposal it
 * is locked then, so that nobody starts or removes it; its record stays as it was.
 *
 * @throws TetherError as a start does, and `container-paused` never.
 */
export async function openContainerFiles(
  core: Core,
  reference: string,
  signal: AbortSignal,
): Promise<FilesAccess> {
  const container = await lockSettled(core, reference, signal);
  try {
    const { record } = container;
    if (!hasGuest({ record, state: observeState(core.containers, record) })) {
      await prepareStart(core, container, true);
      return await FilesMachine.start(core, container, signal);
    }
  } catch (error) {
    container[Symbol.dispose]();
    throw error;
  }
  container[Symbol.dispose]();
  return openGuest(core, container.record);
}

/** A machine that serves the files of a locked container. */
class FilesMachine implements FilesAccess {
  readonly #core: Core;
  readonly #container: LockedContainer;
  readonly #machine: Machine;
  #connection: GuestConnection | undefined;

  private constructor(core: Core, container: LockedContainer, machine: Machine) {
    this.#core = core;
    this.#container = container;
    this.#machine = machine;
  }

  /** Releases the container at its disposal; when it cannot be started, that is the caller's to do. */
  static async start(core: Core, container: LockedContainer, signal: AbortSignal): Promise<FilesMachine> {
    const keys = makeLinkKeys();
    const machine = await markedStart(container, async () => {
      const started = await startMachine(core, container, keys, signal);
      container.save({ ...container.record, filesMachine: identifyProcess(started.pid) });
      return started;
    });
    const files = new FilesMachine(core, container, machine);
    try {
      await files.#connect(keys, signal);
      return files;
    } catch (error) {
      await machine.destroy();
      files.#tidyUp();
      throw error;
    }
  }

  get connection(): GuestConnection {
    if (this.#connection === undefined) throw new TetherError("internal", "the files are not open");
    return this.#connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const limit = setTimeout(() => void this.#machine.destroy(), POWER_OFF_LIMIT_MS);
    try {
      // The guest may be gone before its answer has come through; or it has gone already.
      await this.connection.request({ powerOff: {} }).catch(() => {});
      this.connection.close();
      await this.#machine.ended;
    } finally {
      clearTimeout(limit);
      this.#tidyUp();
      this.#container[Symbol.dispose]();
    }
  }

  async #connect(keys: LinkKeys, aborted: AbortSignal): Promise<void> {
    const { startTimeoutMs } = settingsOf(this.#container.record);
    const signal = AbortSignal.any([aborted, AbortSignal.timeout(startTimeoutMs)]);
    let hasEnded = false;
    void this.#machine.ended.then(() => (hasEnded = true));
    while (this.#connection === undefined) {
      try {
        const socket = await this.#machine.connectLink();
        this.#connection = await GuestConnection.open(socket, keys, () => {}, signal);
      } catch (error) {
        if (error instanceof TetherError && error.code === "link-protocol") throw error;
        aborted.throwIfAborted();
        if (hasEnded) throw explainConsole(join(this.#container.folder, FOLDER, CONSOLE_LOG));
        if (signal.aborted)
          throw new TetherError(
            "guest-not-connected",
            `the container VM did not answer within ${startTimeoutMs / 1000} s`,
          );
        // Not up yet.
        await delay(RECONNECT_PAUSE_MS);
      }
    }
    // A container that could not be made has no files.
    const { events } = await this.#connection.snapshot();
    const error = events?.map(eventError).find((each) => each !== undefined);
    if (error !== undefined) throw error;
  }

  #tidyUp(): void {
    const { record, folder } = this.#container;
    // By force, from beside.
    if (this.#core.containers.isRemoved(record.id)) return;
    const { filesMachine: _machine, ...rest } = record;
    this.#container.save(rest);
    rmSync(join(folder, FOLDER), { recursive: true, force: true });
  }
}

async function startMachine(
  core: Core,
  { record, folder: containerFolder }: LockedContainer,
  keys: LinkKeys,
  signal: AbortSignal,
): Promise<Machine> {
  // Whatever the container's own way is: nobody waits for a boot who only wants a file.
  // And nobody is to reach it: its vNICs may be another machine's by now.
  const { components, volumes } = core;
  const all = settingsOf(record);
  // A server's folder cannot be reached so.
  const mounts = all.mounts.filter(
    (mount) => mount.kind !== "volume" || volumes.find(mount.name).content.type !== "nfs",
  );
  const settings = { ...all, start: "forked" as const, interfaces: [], mounts };
  refuseVolumesInUse(core.containers, volumes, record);
  provideHostFolders(mounts);
  const folder = join(containerFolder, FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  const specification = {
    ...specify(components, record, settings, containerFolder),
    folder,
    configuration: join(folder, "config.pb"),
    // The container's log is of its runs.
    log: "/dev/null",
  };
  await provideDisk(specification.disk, settings, signal);
  const facts = {
    id: record.id,
    name: record.name,
    window: undefined,
    loggedBytes: 0,
    holdsOutput: false,
    volumes: encodeVolumes(mounts, volumes),
    servesFilesOnly: true,
    acknowledgeTimeoutMs: 0,
  };
  return powerOn(components, specification, () => encodeConfiguration(settings, facts, keys), signal);
}
