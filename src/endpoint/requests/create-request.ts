import {
  type ContainerRequest,
  type Image,
  makeLogSettings,
  NO_RESTART,
  parseExtraHost,
  parseSecuritySettings,
  RESTART_POLICIES,
  type RestartPolicy,
  type SecuritySettings,
  type StartKind,
} from "../../portlayer/execution/index.ts";
import type { WindowSize } from "../../portlayer/interaction/index.ts";
import { ApiError, refused } from "../http/api-error.ts";
import { type Fields, FieldReader } from "./fields.ts";
import { readHealth } from "./health.ts";
import { readMounts } from "./mounts.ts";
import { readNetwork } from "./network.ts";

/** What a container is made with where a request says nothing: the same as for `vch run`. */
const DEFAULTS = {
  acceleration: "auto",
  hardware: "virtio",
  boot: "kernel",
  memoryBytes: 512 * 1024 * 1024,
  startTimeoutMs: 120_000,
} as const;

/** What a kernel and the agent need; the same as for `vch run`. */
const LEAST_MEMORY_BYTES = 96 * 1024 * 1024;

const NANOS_PER_CPU = 1e9;

/** A container as a client wants it. */
export interface CreateRequest {
  readonly container: ContainerRequest;
  /** Of its terminal, at first. */
  readonly size: WindowSize | undefined;
  readonly warnings: readonly string[];
}

/** @returns the image that the document names. @throws ApiError 400 in dockerd's words. */
export function imageOf(document: Fields): string {
  const { Image: image } = document;
  if (typeof image !== "string" || image === "")
    throw new ApiError(400, "no command specified: the request names no image");
  return image;
}

/**
 * Reads the document of `POST /containers/create`: every field is honoured, or refused by its name.
 *
 * @param start the endpoint's: Docker has no word for it.
 * @throws ApiError 400, 501; TetherError `invalid-option` in dockerd's words.
 */
export function readCreateRequest(
  document: Fields,
  image: { readonly name: string; readonly found: Image },
  name: string | undefined,
  start: StartKind,
): CreateRequest {
  const config = new FieldReader(document, "");
  const host = config.object("HostConfig");
  const network = readNetwork(config, host, image.found.configuration.exposedPorts);
  const container: ContainerRequest = {
    ...DEFAULTS,
    start,
    image: image.name,
    found: image.found,
    name,
    ...readProcess(config),
    ...readResources(host),
    hostname: config.text("Hostname") || undefined,
    labels: config.map("Labels"),
    health: readHealth(config.object("Healthcheck")),
    restart: readRestart(host.object("RestartPolicy")),
    log: readLog(host.object("LogConfig")),
    security: readSecurity(host),
    sysctls: host.map("Sysctls"),
    readOnlyRoot: host.flag("ReadonlyRootfs"),
    remove: host.flag("AutoRemove"),
    extraHosts: host.texts("ExtraHosts").map(parseExtraHost),
    network,
    mounts: readMounts(config, host),
  };
  const size = readSize(host);
  acceptRest(config, host);
  return { container, size, warnings: [] };
}

function readProcess(config: FieldReader) {
  const stopTimeout = config.optionalNumber("StopTimeout");
  return {
    command: config.words("Cmd") ?? [],
    entrypoint: config.words("Entrypoint"),
    environment: config.texts("Env"),
    user: config.text("User") || undefined,
    workingDirectory: config.text("WorkingDir") || undefined,
    stopSignal: config.text("StopSignal") || undefined,
    stopTimeoutMs: stopTimeout === undefined ? undefined : Math.max(0, stopTimeout) * 1000,
    tty: config.flag("Tty"),
    openStdin: config.flag("OpenStdin"),
    stdinOnce: config.flag("StdinOnce"),
  };
}

function readResources(host: FieldReader) {
  const [memoryBytes = DEFAULTS.memoryBytes, cpus] = [readMemory(host), readCpus(host)];
  const shmBytes = host.number("ShmSize");
  if (shmBytes < 0) throw new ApiError(400, "SHM size can not be less than 0");
  return { memoryBytes, cpus, shmBytes, pidsLimit: Math.max(0, host.number("PidsLimit")) };
}

/** `Memory`, in bytes; undefined where it is 0. @throws ApiError 400. */
export function readMemory(host: FieldReader): number | undefined {
  const memoryBytes = host.number("Memory");
  // As much as there is memory is no swap, which a container VM has none of.
  host.accept("MemorySwap", memoryBytes, -1, 2 * memoryBytes);
  if (memoryBytes !== 0 && memoryBytes < LEAST_MEMORY_BYTES)
    throw new ApiError(
      400,
      `Minimum memory limit allowed is ${LEAST_MEMORY_BYTES / 1024 / 1024}MB: a container VM has a kernel and an agent of its own`,
    );
  return memoryBytes === 0 ? undefined : memoryBytes;
}

/** `NanoCpus`, in CPUs; undefined where it is 0. @throws ApiError 400 in dockerd's words. */
export function readCpus(host: FieldReader): number | undefined {
  const nanoCpus = host.number("NanoCpus");
  const cpus = nanoCpus === 0 ? undefined : nanoCpus / NANOS_PER_CPU;
  if (cpus !== undefined && !(cpus >= 0.01 && cpus <= 64))
    throw new ApiError(400, "range of CPUs is from 0.01 to 64.00");
  return cpus;
}

/** `RestartPolicy`. @throws ApiError 400 in dockerd's words. */
export function readRestart(policy: FieldReader): RestartPolicy {
  const text = policy.text("Name") || NO_RESTART.name;
  const maximumRetryCount = policy.number("MaximumRetryCount");
  policy.end();
  const name = RESTART_POLICIES.find((each) => each === text);
  if (name === undefined) throw new ApiError(400, `invalid restart policy '${text}'`);
  if (maximumRetryCount < 0) throw new ApiError(400, "maximum retry count cannot be negative");
  if (maximumRetryCount > 0 && name !== "on-failure")
    throw new ApiError(400, `maximum retry count cannot be used with restart policy '${name}'`);
  return { name, maximumRetryCount };
}

function readLog(log: FieldReader) {
  const driver = log.text("Type") || undefined;
  const options = Object.entries(log.map("Config")).map(([name, value]) => `${name}=${value}`);
  log.end();
  return makeLogSettings(driver, options);
}

function readSecurity(host: FieldReader): SecuritySettings {
  const ulimit = host.objects("Ulimits").map((limit) => {
    const text = `${limit.text("Name")}=${limit.number("Soft")}:${limit.number("Hard")}`;
    limit.end();
    return text;
  });
  return parseSecuritySettings({
    privileged: host.flag("Privileged"),
    capAdd: host.words("CapAdd") ?? [],
    capDrop: host.words("CapDrop") ?? [],
    securityOpt: host.texts("SecurityOpt"),
    ulimit,
    oomScoreAdj: host.number("OomScoreAdj"),
    groupAdd: host.texts("GroupAdd"),
  });
}

/** `ConsoleSize`: height and width. */
function readSize(host: FieldReader): WindowSize | undefined {
  const given = host.list("ConsoleSize");
  const [rows, columns] = given;
  if (given.length === 0 || (rows === 0 && columns === 0)) return undefined;
  const isSize = (value: unknown): value is number =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) < 65_536;
  if (!isSize(rows) || !isSize(columns)) throw refused("HostConfig.ConsoleSize", "is no height and width");
  return { columns, rows };
}

/** What is so in any case, what says only how the client goes on, and what nobody can have here. */
function acceptRest(config: FieldReader, host: FieldReader): void {
  // Which streams a client attaches to is told by its attaching.
  config.skip("Image", "AttachStdin", "AttachStdout", "AttachStderr");
  // Of Windows, or of images that are built.
  config.skip("ArgsEscaped", "OnBuild");
  // dockerode sends the query here as well.
  config.skip("name", "platform");
  // The program of a health check is the image's.
  config.end();
  // A container VM has all of its namespaces, devices and cgroups for itself, and reaps orphans with or without an init.
  host.skip("Init", "ContainerIDFile");
  host.accept("IpcMode", "private", "shareable", "none");
  host.accept("CgroupnsMode", "private");
  host.accept("UsernsMode", "host");
  host.accept("Isolation", "default");
  host.accept("VolumeDriver", "local");
  host.accept("Runtime", "tether");
  host.accept("MemorySwappiness", -1);
  host.end();
}
