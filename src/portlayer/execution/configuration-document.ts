import { randomBytes } from "node:crypto";
import { tether } from "../../protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../../protocol/link-names.ts";
import { encodeInterfaces } from "../networking/index.ts";
import type { LinkKeys } from "../interaction/link-keys.ts";
import type { WindowSize } from "../interaction/window-size.ts";
import {
  type ContainerSettings,
  type HealthCheck,
  isChecked,
  type RestartPolicy,
  type SecuritySettings,
} from "./container-settings.ts";

/** Twice the strength of the generators that it goes into. */
const SEED_BYTES = 64;

const MAX_UINT32 = 0xffff_ffff;

/** What belongs to one start of a container, beside its settings. */
export interface StartConfiguration {
  readonly id: string;
  readonly name: string;
  readonly window: WindowSize | undefined;
  /** What the process writes is kept until somebody is attached, who will be soon. */
  readonly holdsOutput: boolean;
  /** Size of the log's file. */
  readonly loggedBytes: number;
  /** What is mounted beside the container's own disk. */
  readonly volumes?: readonly tether.config.Volume.$Properties[];
  /** The process is not started; the container's files are served. */
  readonly servesFilesOnly?: boolean;
  /** What the guest is to do at the process's end; its settings' when left out. */
  readonly restart?: RestartPolicy;
  /** How long the guest waits, with nobody connected, for its exit to be taken over; 0 for its default. */
  readonly acknowledgeTimeoutMs: number;
}

/** Makes the document of proto/config.proto. Plain: fw_cfg has no size to save, and a start has no time to lose. */
export function encodeConfiguration(
  settings: ContainerSettings,
  start: StartConfiguration,
  keys: LinkKeys,
): Uint8Array {
  const { security, log } = settings;
  const { restart = settings.restart } = start;
  return tether.config.Config.encode({
    version: CONFIGURATION_VERSION,
    id: start.id,
    name: start.name,
    hostname: settings.hostname,
    nanoCpus: settings.nanoCpus,
    pidsLimit: encodePidsLimit(settings.pidsLimit),
    shmBytes: settings.shmBytes,
    extraHosts: settings.extraHosts.map(({ name, address }) => ({ address, names: [name] })),
    interfaces: encodeInterfaces(settings.interfaces),
    resolver: settings.resolver,
    volumes: [...(start.volumes ?? [])],
    domainname: settings.domainname,
    session: sessionOf(settings, start),
    security: securityOf(security),
    restart: { kind: restartKind(restart.name), maximumRetryCount: restart.maximumRetryCount },
    health: healthOf(settings.health),
    log: { maxBytes: log.maxBytes, disabled: log.isDisabled, writtenBytes: start.loggedBytes },
    sysctls: settings.sysctls,
    readOnlyRoot: settings.readOnlyRoot,
    serveFilesOnly: start.servesFilesOnly ?? false,
    hostTimeMs: Date.now(),
    randomSeed: randomBytes(SEED_BYTES),
    link: {
      hostKey: keys.hostPrivateKey,
      clientPublicKey: keys.clientPublicKey,
      acknowledgeTimeoutMs: start.acknowledgeTimeoutMs,
    },
  }).finish();
}

/** Makes the document that turns a guest into a template. */
export function encodeTemplateConfiguration(): Uint8Array {
  return tether.config.Config.encode({ version: CONFIGURATION_VERSION, template: true }).finish();
}

const { Kind } = tether.config.RestartPolicy;

const RESTART_KINDS: Readonly<Record<RestartPolicy["name"], tether.config.RestartPolicy.Kind>> = {
  no: Kind.NO,
  "on-failure": Kind.ON_FAILURE,
  always: Kind.ALWAYS,
  "unless-stopped": Kind.UNLESS_STOPPED,
};

/** More than any kernel can have is no limit either. */
export function encodePidsLimit(pidsLimit: number): number {
  return Math.min(pidsLimit, MAX_UINT32);
}

/** The policy's number in proto/config.proto. */
export function restartKind(name: RestartPolicy["name"]): tether.config.RestartPolicy.Kind {
  return RESTART_KINDS[name];
}

function sessionOf(
  settings: ContainerSettings,
  { window, holdsOutput }: StartConfiguration,
): tether.config.Session.$Properties {
  return {
    args: settings.args.map((arg) => Buffer.from(arg)),
    env: settings.environment.map((variable) => Buffer.from(variable)),
    workingDirectory: Buffer.from(settings.workingDirectory),
    user: settings.user,
    tty: settings.tty,
    openStdin: settings.openStdin,
    stdinOnce: settings.stdinOnce,
    stopSignal: settings.stopSignal,
    window: window ?? null,
    holdOutput: holdsOutput,
    stopTimeoutMs: settings.stopTimeoutMs ?? 0,
  };
}

function securityOf({
  seccompProfile: _profile,
  seccompProgram,
  ...security
}: SecuritySettings): tether.config.Security.$Properties {
  return { ...security, seccompProgram: Buffer.from(seccompProgram ?? "", "base64") };
}

/** `CMD-SHELL` is for the image's shell; `NONE` switches off what the image has. */
function healthOf(health: HealthCheck | undefined): tether.config.HealthCheck.$Properties | null {
  if (!isChecked(health)) return null;
  const [kind, ...words] = health.test;
  const args = kind === "CMD-SHELL" ? [...(health.shell ?? ["/bin/sh", "-c"]), words.join(" ")] : words;
  const { intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries } = health;
  return {
    args: args.map((word) => Buffer.from(word)),
    intervalMs,
    timeoutMs,
    startPeriodMs,
    startIntervalMs,
    retries,
  };
}
