import type { AccelerationRequest, Hardware } from "../../hypervisor/index.ts";
import { type NetworkSettings, publishAll } from "../networking/index.ts";
import { type Image, mergeMounts, type MountSettings } from "../storage/index.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import { parseSignal } from "../../protocol/signals.ts";
import type {
  ContainerSettings,
  HealthCheck,
  LogSettings,
  RestartPolicy,
  SecuritySettings,
} from "./container-settings.ts";

/** How the container VM gets its kernel: from files, or from the ISO as a VM on vSphere does. */
export type BootMedium = "kernel" | "iso-bios" | "iso-uefi";

/** What `vch create` asks for. */
export interface ContainerRequest {
  /** As the user wrote it. */
  readonly image: string;
  /** The image itself, when it has been found already: then its name is not looked up. */
  readonly found?: Image;
  readonly command: readonly string[];
  readonly name: string | undefined;
  /** Replaces the image's entrypoint; an empty string clears it. Several words as the Docker API may have them. */
  readonly entrypoint: string | readonly string[] | undefined;
  /** `K=V`. */
  readonly environment: readonly string[];
  readonly user: string | undefined;
  readonly workingDirectory: string | undefined;
  readonly hostname: string | undefined;
  readonly stopSignal: string | undefined;
  /** How long `stop` waits; undefined for Docker's 10 s. */
  readonly stopTimeoutMs: number | undefined;
  readonly restart: RestartPolicy;
  /** Undefined for the image's own, if it has one; what it leaves open is the image's, too. */
  readonly health: HealthCheck | undefined;
  readonly log: LogSettings;
  readonly security: SecuritySettings;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly readOnlyRoot: boolean;
  /** Beside the image's own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly tty: boolean;
  readonly openStdin: boolean;
  /** The process's input ends with that of its first client (Docker's StdinOnce). */
  readonly stdinOnce: boolean;
  /** Removes the container once it has ended. */
  readonly remove: boolean;
  readonly memoryBytes: number;
  /** Docker's --cpus: may be a fraction; undefined for the default. */
  readonly cpus: number | undefined;
  /** Processes and threads that the container may have; 0 for as many as the VM can spare. */
  readonly pidsLimit: number;
  /** Size of /dev/shm; 0 for Docker's default. */
  readonly shmBytes: number;
  /** Lines for /etc/hosts. */
  readonly extraHosts: readonly { readonly name: string; readonly address: string }[];
  readonly network: NetworkSettings;
  /** Docker's `-P`: publishes what the image exposes. */
  readonly publishesAll?: boolean;
  /** Volumes and memory; those of the image's come beside them. */
  readonly mounts: readonly MountSettings[];
  readonly acceleration: AccelerationRequest;
  readonly hardware: Hardware;
  readonly boot: BootMedium;
  readonly start: StartKind;
  /** How long the container VM may take until it answers. */
  readonly startTimeoutMs: number;
}

/** What `vch run` asks for. */
export interface RunRequest extends ContainerRequest {
  /** How long the process may run; undefined for as long as it likes. */
  readonly timeoutMs: number | undefined;
}

/** `forked` goes on where a template has stopped, when there can be one; `cold` boots. */
export type StartKind = "forked" | "cold";

/** Docker counts CPU time in billionths. */
const NANOS_PER_CPU = 1_000_000_000;

/** VIC's default: two virtual CPUs. */
const DEFAULT_CPUS = 2;

/** How many virtual CPUs a request takes: a fraction of one needs a whole one. */
export function virtualCpus({ cpus }: Pick<ContainerRequest, "cpus">): number {
  return cpus === undefined ? DEFAULT_CPUS : Math.ceil(cpus);
}

/** @param cpus 0 for all that the machine has. */
export function nanoCpusOf(cpus: number): number {
  return Math.round(cpus * NANOS_PER_CPU);
}

/** Docker's short form of an id: 12 digits. */
export const SHORT_ID_LENGTH = 12;

/**
 * Merges the request with the image's own configuration, by Docker's rules: an entrypoint of the request drops
 * the image's command, a command replaces the image's, variables of the request win.
 *
 * @throws TetherError `usage` when nothing is left to run, `invalid-option`.
 */
export function mergeSettings(request: ContainerRequest, image: Image, id: string): ContainerSettings {
  const { configuration } = image;
  const { entrypoint, command } = mergeCommand(request, image);
  const stopSignal = request.stopSignal ?? configuration.stopSignal ?? "SIGTERM";
  parseSignal(stopSignal);
  if (request.remove && request.restart.name !== "no")
    throw new TetherError("invalid-option", "Conflicting options: --restart and --rm");
  return {
    hostname: request.hostname ?? id.slice(0, SHORT_ID_LENGTH),
    args: [...entrypoint, ...command],
    entrypoint,
    command,
    environment: [...configuration.environment, ...request.environment],
    workingDirectory: mergeWorkingDirectory(request, image),
    user: request.user ?? configuration.user,
    stopSignal,
    stopTimeoutMs: request.stopTimeoutMs,
    nanoCpus: nanoCpusOf(request.cpus ?? 0),
    pidsLimit: request.pidsLimit,
    shmBytes: request.shmBytes,
    extraHosts: [...request.extraHosts],
    ...(request.publishesAll === true
      ? publishAll(request.network, configuration.exposedPorts)
      : request.network),
    mounts: mergeMounts(request.mounts, configuration.volumes),
    tty: request.tty,
    openStdin: request.openStdin,
    stdinOnce: request.stdinOnce,
    restart: request.restart,
    ...mergeHealth(request, image),
    log: request.log,
    security: request.security,
    sysctls: { ...request.sysctls },
    readOnlyRoot: request.readOnlyRoot,
    labels: { ...configuration.labels, ...request.labels },
    imageDisk: image.disk,
    acceleration: request.acceleration,
    hardware: request.hardware,
    boot: request.boot,
    start: request.start,
    startTimeoutMs: request.startTimeoutMs,
    autoRemove: request.remove,
  };
}

function mergeCommand(
  request: ContainerRequest,
  { configuration }: Image,
): Pick<ContainerSettings, "entrypoint" | "command"> {
  const { entrypoint: given } = request;
  const words = typeof given === "string" ? [given] : given;
  const entrypoint = words === undefined ? [...configuration.entrypoint] : withoutOneEmptyWord(words);
  // As for dockerd, no words at all clear the entrypoint and leave the command.
  const imageCommand = words === undefined || words.length === 0 ? configuration.command : [];
  const command = [...(request.command.length > 0 ? request.command : imageCommand)];
  if (entrypoint.length + command.length === 0)
    throw new TetherError("usage", "no command specified: the image has none of its own");
  return { entrypoint, command };
}

/** `--entrypoint ""`. */
function withoutOneEmptyWord(words: readonly string[]): string[] {
  return words.length === 1 && words[0] === "" ? [] : [...words];
}

function mergeWorkingDirectory(request: ContainerRequest, { configuration }: Image): string {
  const workingDirectory = request.workingDirectory ?? (configuration.workingDirectory || "/");
  if (workingDirectory.startsWith("/")) return workingDirectory;
  throw new TetherError(
    "invalid-option",
    `the working directory '${workingDirectory}' is invalid, it needs to be an absolute path`,
  );
}

/** Docker's rules: what the request says wins, field by field. */
function mergeHealth(
  { health: asked }: ContainerRequest,
  { configuration: { health: own, shell } }: Image,
): Pick<ContainerSettings, "health"> {
  const given = asked ?? own;
  if (given === undefined) return {};
  const ownShell = shell.length === 0 ? {} : { shell: [...shell] };
  return {
    health: {
      ...ownShell,
      test: [...(given.test.length > 0 ? given.test : (own?.test ?? []))],
      intervalMs: given.intervalMs || (own?.intervalMs ?? 0),
      timeoutMs: given.timeoutMs || (own?.timeoutMs ?? 0),
      startPeriodMs: given.startPeriodMs || (own?.startPeriodMs ?? 0),
      startIntervalMs: given.startIntervalMs || (own?.startIntervalMs ?? 0),
      retries: given.retries || (own?.retries ?? 0),
    },
  };
}
