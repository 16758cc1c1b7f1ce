import { join } from "node:path";
import { type ContainerRecord, exitStatus } from "./container-record.ts";
import { type ContainerSettings, type HealthCheck, isChecked } from "./container-settings.ts";
import { hasGuest, isUp } from "./container-state.ts";
import { describeNetworks, networkNames, reachedInterfaces } from "../networking/index.ts";
import type { MountSettings } from "../storage/index.ts";
import { type Core, type KnownContainer, look } from "./core.ts";
import { withGuest } from "./with-guest.ts";
import { LOG } from "./machine-start.ts";
import type { Snapshot, Time } from "../../protocol/control-messages.ts";

/** Docker's way to say that something has not happened. */
const NEVER = "0001-01-01T00:00:00Z";

/** What the guest makes of 0. */
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

const NANOS_PER_MS = 1_000_000;

/** Docker's answer to `inspect`, as far as there is something to tell. */
export type Inspection = Readonly<Record<string, unknown>>;

/** What whoever inspects a container knows of it himself. */
export interface KnownBefore {
  /** The execs that run in it, as far as they are his. */
  readonly execIds: readonly string[];
}

/**
 * Tells all about a container, in the shape of Docker's API. A guest that runs is asked for its execs, its health and
 * its agent's version; one that does not answer keeps nobody from the rest.
 *
 * @param before only health checks are asked for, and the agent's version is left empty: 20 ms under TCG are saved.
 * @throws TetherError `no-such-container`.
 */
export async function inspectContainer(
  core: Core,
  reference: string,
  before?: (id: string) => KnownBefore,
): Promise<Inspection> {
  const record = core.containers.find(reference);
  const known = look(core, record) ?? { record, state: REMOVED };
  const isAsked = hasGuest(known) && (before === undefined || isChecked(record.settings?.health));
  const snapshot = isAsked ? await askGuest(core, known) : undefined;
  return describe(core, known, snapshot, before?.(record.id).execIds ?? execsOf(snapshot));
}

/** Those that run. */
function execsOf(snapshot: Snapshot | undefined): string[] {
  const execs = snapshot?.sessions?.filter(({ id, finished }) => (id ?? "") !== "" && !finished) ?? [];
  return execs.map(({ id }) => id ?? "");
}

const REMOVED = {
  status: "dead",
  pid: undefined,
  health: undefined,
  restartCount: 0,
  isOutOfMemory: false,
  exit: undefined,
  finished: undefined,
} as const;

async function askGuest(core: Core, { record }: KnownContainer): Promise<Snapshot | undefined> {
  try {
    return await withGuest(core, record, ({ connection }) => connection.snapshot());
  } catch {
    // What the host knows is told all the same.
    return undefined;
  }
}

function describe(
  core: Core,
  known: KnownContainer,
  snapshot: Snapshot | undefined,
  execIds: readonly string[],
): Inspection {
  const { record } = known;
  const { settings } = record;
  const folder = core.containers.folderOf(record.id);
  const [path = "", ...args] = record.command;
  return {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: describeState(known, snapshot),
    Image: record.imageDigest,
    ResolvConfPath: "",
    HostnamePath: "",
    HostsPath: "",
    LogPath: join(folder, LOG),
    Name: `/${record.name}`,
    RestartCount:
      snapshot === undefined
        ? known.state.restartCount
        : (record.restarts?.count ?? 0) + (snapshot.restartCount ?? 0),
    AgentVersion: snapshot?.agentVersion ?? "",
    Driver: "qcow2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: execIds.length === 0 ? null : execIds,
    HostConfig: settings === undefined ? {} : describeHostConfiguration(record, settings),
    Mounts: listedMounts(settings).map((mount) => describeMount(core, mount)),
    Config: settings === undefined ? {} : describeConfiguration(record, settings),
    NetworkSettings: describeNetworks(
      reachedInterfaces(settings?.interfaces ?? [], isUp(known.state) ? record.machine?.ports : []),
    ),
  };
}

/** Without those of `--tmpfs`, which Docker tells elsewhere. */
export function listedMounts(settings: ContainerSettings | undefined): MountSettings[] {
  return (settings?.mounts ?? []).filter((mount) => mount.kind !== "tmpfs" || mount.words === undefined);
}

/** Docker's MountPoint. */
function describeMount(core: Core, mount: MountSettings): Inspection {
  const common = { Destination: mount.target, Mode: mount.isReadOnly ? "ro" : "", RW: !mount.isReadOnly };
  if (mount.kind === "tmpfs") return { Type: "tmpfs", Source: "", ...common, Propagation: "" };
  if (mount.kind === "bind")
    return {
      ...{ Type: "bind", Source: mount.source, ...common },
      ...{ Mode: mount.mode, Propagation: mount.propagation },
    };
  const { name, propagation } = mount;
  const Source = core.volumes.diskOf({ name });
  return { Type: "volume", Name: name, Source, Driver: "local", ...common, Propagation: propagation };
}

function describeState({ record, state }: KnownContainer, snapshot: Snapshot | undefined): Inspection {
  const active = isUp(state);
  const isRunning = active && state.status !== "restarting";
  return {
    Status: state.status,
    // As Docker has it, these are no alternatives.
    Running: active,
    Paused: state.status === "paused",
    Restarting: state.status === "restarting",
    OOMKilled: state.isOutOfMemory,
    Dead: state.status === "dead",
    Pid: active ? (record.machine?.pid ?? 0) : 0,
    // Of one that rests before its restart it is the last one.
    ExitCode: isRunning || state.exit === undefined ? 0 : exitStatus(state.exit),
    Error: record.error ?? "",
    StartedAt: record.started ?? NEVER,
    FinishedAt: state.finished ?? NEVER,
    Health: state.health === undefined ? undefined : describeHealth(state.health, snapshot),
  };
}

function describeHealth(status: string, snapshot: Snapshot | undefined): Inspection {
  const health = snapshot?.health;
  return {
    Status: status,
    FailingStreak: health?.failingStreak ?? 0,
    Log: (health?.results ?? []).map(({ start, end, exitCode, output }) => ({
      Start: formatTime(start),
      End: formatTime(end),
      ExitCode: exitCode ?? 0,
      Output: Buffer.from(output ?? []).toString("utf8"),
    })),
  };
}

function formatTime(time: Time | null | undefined): string {
  const date = new Date((time?.seconds ?? 0) * 1000 + (time?.nanoseconds ?? 0) / 1e6);
  return Number.isNaN(date.getTime()) ? NEVER : date.toISOString();
}

function describeConfiguration(record: ContainerRecord, settings: ContainerSettings): Inspection {
  const { health, stopTimeoutMs } = settings;
  return {
    Hostname: settings.hostname,
    Domainname: "",
    User: settings.user,
    AttachStdin: settings.stdinOnce,
    AttachStdout: settings.stdinOnce,
    AttachStderr: settings.stdinOnce,
    Tty: settings.tty,
    OpenStdin: settings.openStdin,
    StdinOnce: settings.stdinOnce,
    Env: settings.environment,
    Cmd: settings.command.length === 0 ? null : settings.command,
    Image: record.image,
    Volumes: null,
    WorkingDir: settings.workingDirectory,
    Entrypoint: settings.entrypoint.length === 0 ? null : settings.entrypoint,
    OnBuild: null,
    Labels: settings.labels,
    StopSignal: settings.stopSignal,
    ...(stopTimeoutMs === undefined ? {} : { StopTimeout: stopTimeoutMs / 1000 }),
    // A template finds what the document leaves out, as Docker's does.
    Healthcheck: health === undefined ? undefined : describeHealthCheck(health),
  };
}

/** Without what is at its default, as Docker has it. */
function describeHealthCheck(health: HealthCheck): Inspection {
  const entries = [
    ["Test", health.test.length === 0 ? 0 : health.test],
    ["Interval", health.intervalMs * NANOS_PER_MS],
    ["Timeout", health.timeoutMs * NANOS_PER_MS],
    ["StartPeriod", health.startPeriodMs * NANOS_PER_MS],
    ["StartInterval", health.startIntervalMs * NANOS_PER_MS],
    ["Retries", health.retries],
  ] as const;
  return Object.fromEntries(entries.filter(([, value]) => value !== 0));
}

function describeHostConfiguration(record: ContainerRecord, settings: ContainerSettings): Inspection {
  const { security, restart, log } = settings;
  return {
    Binds: describeBinds(settings),
    LogConfig: {
      Type: log.isDisabled ? "none" : "json-file",
      Config:
        log.maxBytes === 0 ? {} : { "max-size": String(log.maxBytes), "max-file": String(log.maxFiles) },
    },
    NetworkMode: networkNames(settings.interfaces)[0] ?? "none",
    PortBindings: describeNetworks(settings.interfaces).Ports,
    RestartPolicy: { Name: restart.name, MaximumRetryCount: restart.maximumRetryCount },
    AutoRemove: settings.autoRemove,
    CapAdd: security.capAdd.length === 0 ? null : security.capAdd,
    CapDrop: security.capDrop.length === 0 ? null : security.capDrop,
    GroupAdd: security.groups.length === 0 ? null : security.groups,
    OomScoreAdj: security.oomScoreAdj,
    Privileged: security.privileged,
    ReadonlyRootfs: settings.readOnlyRoot,
    SecurityOpt: securityOptions(settings),
    Sysctls: settings.sysctls,
    ...describeTmpfs(settings),
    // A container VM has System V's memory and queues for itself.
    IpcMode: "private",
    Ulimits:
      security.ulimits.length === 0
        ? null
        : security.ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
    Runtime: "tether",
    Memory: record.memoryBytes,
    NanoCpus: settings.nanoCpus,
    // Templates of Docker's client read the document by these names; nobody can have set them here.
    ...{ CpuShares: 0, CpuPeriod: 0, CpuQuota: 0, CpusetCpus: "", CpusetMems: "" },
    ShmSize: settings.shmBytes || DEFAULT_SHM_BYTES,
    ExtraHosts:
      settings.extraHosts.length === 0
        ? null
        : settings.extraHosts.map(({ name, address }) => `${name}:${address}`),
    PidsLimit: settings.pidsLimit === 0 ? null : settings.pidsLimit,
  };
}

/** As `--tmpfs` had them; without any, Docker has no such field. */
function describeTmpfs({ mounts }: ContainerSettings): Inspection {
  const given = mounts.flatMap((mount) =>
    mount.kind === "tmpfs" && mount.words !== undefined ? [[mount.target, mount.words] as const] : [],
  );
  return given.length === 0 ? {} : { Tmpfs: Object.fromEntries(given) };
}

/** Folders of this machine as `-v` had them. */
function describeBinds({ mounts }: ContainerSettings): string[] | null {
  const binds = mounts.flatMap((mount) => (mount.kind === "bind" && mount.isMade ? [mount.words] : []));
  return binds.length === 0 ? null : binds;
}

function securityOptions({ security }: ContainerSettings): string[] | null {
  const options = [
    ...(security.noNewPrivileges ? ["no-new-privileges"] : []),
    ...(security.seccompUnconfined ? ["seccomp=unconfined"] : []),
    ...(security.seccompProfile === undefined ? [] : [`seccomp=${security.seccompProfile}`]),
  ];
  return options.length === 0 ? null : options;
}
