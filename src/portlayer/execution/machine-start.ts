import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  CONSOLE_LOG,
  identifyProcess,
  type Machine,
  type RunningMachine,
  type MachineSpecification,
  type MachineVolume,
  type TemplateRequest,
} from "../../hypervisor/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { beginRun } from "../interaction/log/index.ts";
import { type LinkKeys, makeLinkKeys, type WindowSize, writeLinkFiles } from "../interaction/index.ts";
import { type ChosenPort, chosenPorts, leavesPortsOpen, machineInterfaces } from "../networking/index.ts";
import {
  createContainerDisk,
  diskLayers,
  diskSizeOf,
  encodeVolumes,
  machineFolders,
  machineVolumes,
  provideHostFolders,
  VolumeStore,
} from "../storage/index.ts";
import { markedStart } from "./abandoned-start.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { findBootFiles } from "./boot-files.ts";
import { encodeConfiguration, encodeTemplateConfiguration } from "./configuration-document.ts";
import type { ContainerRecord, Restarts } from "./container-record.ts";
import type { ContainerSettings } from "./container-settings.ts";
import type { LockedContainer } from "./container-store.ts";
import { refuseVolumesInUse } from "./container-volumes.ts";
import type { Core } from "./core.ts";
import type { ExecutionComponents } from "./execution-components.ts";
import { remainingPolicy } from "./restart-policy.ts";
import { readGuestEvents } from "./guest-events.ts";

/** A container's own disk, in its folder. */
export const DISK = "disk.qcow2";
const CONFIGURATION = "config.pb";

/** The file that the guest's log port is written to. */
export const LOG = "log";

/** How a container is started. */
export interface MachineStart {
  readonly window: WindowSize | undefined;
  /** Whether a client is attached right after the start, and stays. */
  readonly isAttached: boolean;
  /** Counts a start that the restart policy asks for; undefined: somebody wants it. */
  readonly restarts?: Restarts | undefined;
  readonly signal: AbortSignal;
}

/** A container VM that has been powered on. */
export interface StartedMachine {
  readonly machine: Machine;
  readonly keys: LinkKeys;
}

/**
 * Nobody is connected to a detached container VM when its process ends: what is known is in the log, and it can
 * power off. Long enough for a client whose link broke this moment to come back.
 */
const DETACHED_ACKNOWLEDGE_MS = 500;

/**
 * Powers a container's machine on, with new keys, and keeps in its record and folder what later processes need.
 * When it fails, the record is as it was.
 *
 * @param container locked by the caller; its earlier machine is gone.
 */
export async function startMachine(
  core: Core,
  container: LockedContainer,
  start: MachineStart,
): Promise<StartedMachine> {
  const { components, journal, volumes } = core;
  const { folder, record } = container;
  const settings = settingsOf(record);
  refuseVolumesInUse(core.containers, volumes, record);
  provideHostFolders(settings.mounts);
  const keys = makeLinkKeys();
  const specification = specify(components, record, settings, folder);
  // What an earlier run has left there would be taken for this one's.
  rmSync(join(folder, CONSOLE_LOG), { force: true });
  writeLinkFiles(folder, record.id, keys);
  await provideDisk(specification.disk, settings, start.signal);
  // The log tells of its last run only.
  journal.keep(readGuestEvents(record, folder));
  const loggedBytes = beginRun(specification.log, settings.log);
  const facts = {
    id: record.id,
    name: record.name,
    window: settings.tty ? start.window : undefined,
    loggedBytes,
    volumes: encodeVolumes(settings.mounts, volumes),
    holdsOutput: start.isAttached,
    acknowledgeTimeoutMs: start.isAttached ? 0 : DETACHED_ACKNOWLEDGE_MS,
    restart: remainingPolicy(settings.restart, start.restarts?.count ?? 0),
  };
  const encode = (): Uint8Array => encodeConfiguration(settings, facts, keys);
  return markedStart(container, async () => {
    const machine = await powerOn(components, specification, encode, start.signal);
    const rest = withoutOutcome(record);
    const identity = identifyProcess(machine.pid);
    const started = new Date().toISOString();
    container.save({
      ...rest,
      started,
      restarts: start.restarts,
      machine: identity && {
        ...identity,
        ports: await readChosenPorts(components, { identity, folder }, settings),
      },
    });
    return { machine, keys };
  });
}

/** What is said of a run that is over. */
function withoutOutcome({
  exit: _exit,
  error: _error,
  finished: _finished,
  isLost: _isLost,
  isEnded: _isEnded,
  ...rest
}: ContainerRecord): ContainerRecord {
  return rest;
}

/** What the hypervisor has chosen where the container asks for any port. */
async function readChosenPorts(
  { driver }: ExecutionComponents,
  running: RunningMachine,
  { interfaces }: ContainerSettings,
): Promise<ChosenPort[] | undefined> {
  if (!leavesPortsOpen(interfaces)) return undefined;
  await using machine = driver.adopt(running);
  return machine === undefined ? [] : chosenPorts(interfaces, await machine.readForwards());
}

/** @throws TetherError `invalid-option` for a container of an earlier version. */
export function settingsOf(record: ContainerRecord): ContainerSettings {
  if (record.settings !== undefined) return record.settings;
  throw new TetherError(
    "invalid-option",
    `container ${record.name} was made by an earlier version of vch, which kept nothing to start it again`,
  );
}

/** Makes the container's disk when it has none yet. */
export async function provideDisk(
  disk: string,
  { imageDisk }: ContainerSettings,
  signal: AbortSignal,
): Promise<void> {
  if (!existsSync(disk)) await createContainerDisk({ image: imageDisk, target: disk, signal });
}

/**
 * Starts a machine with its document, which is gone afterwards.
 *
 * @param encode makes the document, with the time as it is then.
 */
export async function powerOn(
  { driver }: ExecutionComponents,
  specification: MachineSpecification,
  encode: () => Uint8Array,
  signal: AbortSignal,
): Promise<Machine> {
  const writeConfiguration = (): void => writeFileAtomically(specification.configuration, encode());
  try {
    return await driver.start(specification, { signal, writeConfiguration });
  } finally {
    // The hypervisor has read it, and it holds the guest's private key.
    rmSync(specification.configuration, { force: true });
  }
}

/** The machine of a container, with everything of it in the container's folder. */
export function specify(
  components: ExecutionComponents,
  record: ContainerRecord,
  settings: ContainerSettings,
  folder: string,
): MachineSpecification {
  const store = new VolumeStore(components.state.volumes);
  const volumes = machineVolumes(settings.mounts, store, settings.hardware);
  const folders = machineFolders(settings.mounts);
  return {
    name: record.name,
    folder,
    ...findBootFiles(components.bootFolder, settings.boot),
    memoryBytes: record.memoryBytes,
    cpus: record.cpus,
    acceleration: settings.acceleration,
    hardware: settings.hardware,
    disk: join(folder, DISK),
    diskLayers: diskLayers(settings.imageDisk),
    configuration: join(folder, CONFIGURATION),
    interfaces: machineInterfaces(settings.interfaces),
    volumes,
    folders,
    log: join(folder, LOG),
    // What other processes can share of a machine's memory is a file as well.
    fileLimitBytes: limitFiles(settings, volumes, folders.length === 0 ? 0 : record.memoryBytes),
    templates: templatesFor(components, settings),
  };
}

/**
 * A guest keeps its log's limit by itself; one that somebody has taken over would not, and no vch may be there to rotate.
 * Its disk is the largest file that it may have: qcow2's tables add some 0.02 %, clusters that a killed QEMU has lost a
 * little, and 64 MiB are for the log and the console beside a small disk. With a log that has no limit there is nothing
 * to keep.
 */
function limitFiles(
  { imageDisk, log }: ContainerSettings,
  volumes: readonly MachineVolume[],
  memoryFileBytes: number,
): number | undefined {
  if (log.maxBytes === 0) return undefined;
  const diskBytes = diskSizeOf(imageDisk);
  const volumeBytes = volumes.map(({ file }) => statSync(file).size);
  return Math.max(2 * diskBytes, 2 * log.maxBytes, memoryFileBytes, ...volumeBytes) + LEAST_FILE_BYTES;
}

const LEAST_FILE_BYTES = 64 * 1024 * 1024;

function templatesFor(
  { state, reportDetail }: ExecutionComponents,
  settings: ContainerSettings,
): TemplateRequest | undefined {
  if (settings.start === "cold") return undefined;
  return { folder: state.templates, configuration: encodeTemplateConfiguration(), report: reportDetail };
}
