import { type Command, InvalidArgumentError, Option } from "commander";
import type { AccelerationRequest, Hardware } from "../hypervisor/index.ts";
import {
  type BootMedium,
  type ContainerRequest,
  makeLogSettings,
  parseExtraHost,
  parseSize,
  parseSysctls,
  type StartKind,
} from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { collectEnvironment } from "./environment-options.ts";
import { type HealthOptions, makeHealthCheck } from "./health-options.ts";
import { collectPairs } from "./label-options.ts";
import { addNetworkOptions, makeNetworkSettings, type NetworkOptions } from "./network-options.ts";
import { addMountOptions, makeMounts, type MountOptions } from "./mount-options.ts";
import { parseDuration } from "./parse-duration.ts";
import { parseRestartPolicy } from "./parse-restart-policy.ts";
import { makeSecurity, type SecurityOptions } from "./security-arguments.ts";

/** What commander makes of the options that `vch run` and `vch create` share. */
export interface ContainerOptions extends HealthOptions, MountOptions, NetworkOptions, SecurityOptions {
  readonly interactive?: true;
  readonly tty?: true;
  readonly rm?: true;
  readonly name?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  readonly entrypoint?: string;
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly restart: string;
  readonly label: readonly string[];
  readonly labelFile: readonly string[];
  readonly logDriver?: string;
  readonly logOpt: readonly string[];
  readonly sysctl: readonly string[];
  readonly readOnly?: true;
  readonly memory: string;
  readonly cpus?: number;
  readonly pidsLimit: number;
  readonly shmSize: number;
  readonly addHost: readonly string[];
  readonly cidfile?: string;
  readonly accel: AccelerationRequest;
  readonly hardware: Hardware;
  readonly boot: BootMedium;
  readonly start: StartKind;
  readonly startTimeout: number;
}

/** Enough for small services and twice what a Debian shell needs; memory that is not touched costs nothing. */
const DEFAULT_MEMORY = "512m";

/** Under emulation, on a busy machine, a start has taken 20 s. */
const DEFAULT_START_TIMEOUT_S = 120;

/**
 * What a Linux kernel with the agent needs to start and run a small process: measured by `npm run bench`
 * (smallest memory that still runs /bin/true).
 */
export const MINIMUM_MEMORY_BYTES = 96 * 1024 * 1024;

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** Adds the options that say what a container is. */
export function addContainerOptions(command: Command): Command {
  return addMountOptions(addNetworkOptions(addMachineOptions(addProcessOptions(command)), collect), collect)
    .option("--rm", "remove the container when it ends")
    .option("--name <name>", "name of the container")
    .option("--cidfile <file>", "write the container's id to a file")
    .option("--add-host <name:address>", "a line for /etc/hosts", collect, [])
    .option("-l, --label <K=V>", "set a label", collect, [])
    .option("--label-file <file>", "read labels from a file", collect, [])
    .option(
      "--restart <policy>",
      "start the process again: no, on-failure[:max], always, unless-stopped",
      "no",
    )
    .option("--log-driver <driver>", "where the output is logged: json-file, none")
    .option("--log-opt <K=V>", "max-size and max-file of the log", collect, [])
    .option("--health-cmd <command>", "command that finds out whether the container is healthy")
    .option("--health-interval <duration>", "time between two checks (30s)", parseDuration)
    .option("--health-timeout <duration>", "time that one check may take (30s)", parseDuration)
    .option("--health-start-period <duration>", "time in which failures do not count (0s)", parseDuration)
    .option("--health-start-interval <duration>", "time between two checks meanwhile (5s)", parseDuration)
    .option("--health-retries <number>", "failures in a row that make it unhealthy (3)", parseCount)
    .option("--no-healthcheck", "no health check, whatever the image has")
    .option("--sysctl <K=V>", "kernel parameter of the container VM", collect, [])
    .option("--read-only", "mount the container's root file system read-only")
    .option("--privileged", "all capabilities, all devices, nothing masked")
    .option("--cap-add <capability>", "add a capability", collect, [])
    .option("--cap-drop <capability>", "drop a capability", collect, [])
    .option("--security-opt <option>", "no-new-privileges, seccomp=unconfined, seccomp=FILE", collect, [])
    .option("--ulimit <limit>", "resource limit: NAME=SOFT[:HARD]", collect, [])
    .option("--oom-score-adj <number>", "who is killed first for want of memory (-1000 to 1000)")
    .option("--group-add <group>", "supplementary group of the process", collect, []);
}

function addProcessOptions(command: Command): Command {
  return command
    .option("-i, --interactive", "keep standard input open")
    .option("-t, --tty", "give the process a terminal")
    .option("-e, --env <K=V>", "set an environment variable", collect, [])
    .option("--env-file <file>", "read environment variables from a file", collect, [])
    .option("-u, --user <user[:group]>", "user (and group) of the process, names or numbers")
    .option("-w, --workdir <dir>", "working directory of the process")
    .option("-h, --hostname <name>", "host name of the container VM")
    .option("--entrypoint <program>", "replaces the image's entrypoint")
    .option("--stop-signal <signal>", "signal that asks the process to stop")
    .option("--stop-timeout <seconds>", "how long stop waits until it kills", parseCount)
    .option("--init", "accepted for Docker's sake: a container VM's orphans are reaped anyway");
}

function addMachineOptions(command: Command): Command {
  const choice = (flags: string, description: string, ...choices: [string, ...string[]]): Option =>
    new Option(flags, description).choices(choices).default(choices[0]);
  return command
    .option("-m, --memory <size>", "memory of the container VM: a number with b, k, m or g", DEFAULT_MEMORY)
    .option("--cpus <number>", "CPUs of the container VM", parseCpus)
    .option(
      "--pids-limit <number>",
      "processes and threads that the container may have (-1 for no limit)",
      parsePidsLimit,
      0,
    )
    .option("--shm-size <size>", "size of /dev/shm (64m)", parseShmSize, 0)
    .addOption(choice("--accel <kind>", "how the processor is virtualised", "auto", "kvm", "tcg"))
    .addOption(choice("--hardware <kind>", "devices of the container VM", "virtio", "vmware"))
    .addOption(choice("--boot <medium>", "how the kernel gets in", "kernel", "iso-bios", "iso-uefi"))
    .addOption(choice("--start <kind>", "go on from a template of the same shape, or boot", "forked", "cold"))
    .option(
      "--start-timeout <seconds>",
      "give up when the container VM does not answer",
      parseSeconds,
      DEFAULT_START_TIMEOUT_S,
    );
}

/**
 * Turns options into a request.
 *
 * @param isAttached whether this command's own streams go to the process.
 * @throws TetherError `memory-too-small`, `invalid-option`.
 */
export function makeContainerRequest(
  image: string,
  command: readonly string[],
  options: ContainerOptions,
  isAttached: boolean,
): ContainerRequest {
  return {
    image,
    command,
    name: options.name,
    entrypoint: options.entrypoint,
    environment: collectEnvironment(options.envFile, options.env, process.env),
    user: options.user,
    workingDirectory: options.workdir,
    hostname: options.hostname,
    stopSignal: options.stopSignal,
    stopTimeoutMs: options.stopTimeout === undefined ? undefined : options.stopTimeout * 1000,
    restart: parseRestartPolicy(options.restart),
    health: makeHealthCheck(options),
    log: makeLogSettings(options.logDriver, options.logOpt),
    security: makeSecurity(options),
    sysctls: parseSysctls(options.sysctl),
    readOnlyRoot: options.readOnly ?? false,
    labels: collectPairs("label", [...collectEnvironment(options.labelFile, [], {}), ...options.label]),
    tty: options.tty ?? false,
    openStdin: options.interactive ?? false,
    stdinOnce: options.interactive === true && isAttached,
    remove: options.rm ?? false,
    memoryBytes: parseMemory(options.memory),
    cpus: options.cpus,
    pidsLimit: options.pidsLimit,
    shmBytes: options.shmSize,
    extraHosts: options.addHost.map(parseExtraHost),
    network: makeNetworkSettings(options),
    publishesAll: options.publishAll ?? false,
    mounts: makeMounts(options),
    acceleration: options.accel,
    hardware: options.hardware,
    boot: options.boot,
    start: options.start,
    startTimeoutMs: options.startTimeout * 1000,
  };
}

/** @throws TetherError `memory-too-small`, `invalid-option`. */
export function parseMemory(text: string): number {
  const memoryBytes = parseSize(text);
  if (memoryBytes >= MINIMUM_MEMORY_BYTES) return memoryBytes;
  throw new TetherError(
    "memory-too-small",
    `-m ${text}: a container VM needs at least ${MINIMUM_MEMORY_BYTES / 1024 / 1024}m for its kernel and agent`,
  );
}

/** A number of CPUs: a fraction is fine, zero is not. */
export function parseCpus(text: string): number {
  const cpus = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || cpus < 0.01 || cpus > 64)
    throw new InvalidArgumentError("a number from 0.01 to 64 is needed.");
  return cpus;
}

/**
 * Docker's --pids-limit; whatever is not above zero is no limit.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parsePidsLimit(text: string): number {
  const number = Number(text);
  const isNumber = /^[+-]?\d+$/.test(text);
  if (isNumber && Math.abs(number) < 2 ** 63) return Math.max(number, 0);
  throw new TetherError(
    "invalid-option",
    `invalid argument ${JSON.stringify(text)} for "--pids-limit" flag: strconv.ParseInt: ` +
      `parsing ${JSON.stringify(text)}: ${isNumber ? "value out of range" : "invalid syntax"}`,
  );
}

/** @throws TetherError `invalid-option` in Docker's words. */
function parseShmSize(text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    const { message } = TetherError.from(error, "invalid-option", text);
    throw new TetherError(
      "invalid-option",
      `invalid argument ${JSON.stringify(text)} for "--shm-size" flag: ${message}`,
    );
  }
}

/** A number of seconds above zero. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || seconds <= 0 || seconds > 2_000_000)
    throw new InvalidArgumentError("a number of seconds is needed.");
  return seconds;
}

/** A whole number that is not negative. */
export function parseCount(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new InvalidArgumentError("a whole number is needed.");
  return Number(text);
}
