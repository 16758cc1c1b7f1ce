import { readDocument } from "../../protocol/configuration/document.ts";
import { describeProblems } from "../../protocol/configuration/problems.ts";
import { problemsOf } from "../../protocol/configuration/problems-of.ts";
import { TetherError } from "../../protocol/errors/index.ts";
import type { tether } from "../../protocol/generated/config.js";
import type { SessionSpecification } from "../../session/index.ts";
import type { NetworkConfiguration, VolumeConfiguration } from "../../init/index.ts";
import { decodeNetwork } from "./decode-network.ts";
import { decodeLife, type Life } from "./decode-life.ts";
import { decodeVolumes } from "./decode-volumes.ts";
import { decodeSecurity, type SecurityConfiguration } from "./decode-security.ts";

const DEFAULT_ACKNOWLEDGE_TIMEOUT_MS = 30_000;

/** VMware's own statistics are as old. */
const DEFAULT_GUESTINFO_PERIOD_MS = 20_000;

/** The configuration, checked: what the rest of the agent trusts. */
export interface Configuration {
  readonly id: string;
  readonly hostname: string;
  /** Empty: none. */
  readonly domainname: string;
  readonly extraHosts: ReadonlyArray<{ readonly address: string; readonly names: readonly string[] }>;
  /** Billionths of a CPU; 0 for no limit. */
  readonly nanoCpus: number;
  /** Processes and threads; 0 for as many as the VM can spare. */
  readonly pidsLimit: number;
  /** Size of /dev/shm; 0 for Docker's default. */
  readonly shmBytes: number;
  readonly network: NetworkConfiguration;
  readonly volumes: readonly VolumeConfiguration[];
  readonly session: SessionSpecification;
  readonly security: SecurityConfiguration;
  readonly life: Life;
  /** The process is not started. */
  readonly servesFilesOnly: boolean;
  readonly log: {
    /** 0: without limit. */
    readonly maxBytes: number;
    readonly isDisabled: boolean;
    /** The file's size at the start. */
    readonly writtenBytes: number;
  };
  /** How often statistics are written into guestinfo; undefined: never. */
  readonly guestinfoPeriodMs: number | undefined;
  /** The host's wall clock when it wrote the document, in milliseconds since 1970; undefined when it did not say. */
  readonly hostTimeMs: number | undefined;
  /** Random bytes of the host's, for a VM whose generators are those of its template. */
  readonly randomSeed: Uint8Array;
  readonly link: {
    readonly hostKey: string;
    readonly clientPublicKey: string;
    readonly acknowledgeTimeoutMs: number;
  };
}

/**
 * Reads the document of proto/config.proto: gzip-compressed, as text, or plain.
 *
 * @throws TetherError `guest-initialisation` that names the fields and what is wrong with them.
 */
export async function decodeConfiguration(bytes: Uint8Array): Promise<Configuration> {
  return checkConfiguration(await parseConfiguration(bytes));
}

/**
 * Reads the document without a look at what it says.
 *
 * @throws TetherError `guest-initialisation` when it is none.
 */
export async function parseConfiguration(bytes: Uint8Array): Promise<tether.config.Config> {
  try {
    return await readDocument(bytes);
  } catch (error) {
    const { message } = TetherError.from(error, "configuration-invalid", "it is no document");
    throw new TetherError("guest-initialisation", `the configuration cannot be read: ${message}`, {
      cause: error,
    });
  }
}

/**
 * Checks the document of a container.
 *
 * @throws TetherError `guest-initialisation` that names the first fields and what is wrong with them.
 */
export async function checkConfiguration(document: tether.config.Config): Promise<Configuration> {
  if (document.template) throw invalid("template is set: this VM belongs to no container");
  const problems = await problemsOf(document);
  if (problems.length > 0) throw invalid(describeProblems(problems));
  return configurationOf(document);
}

/** Only maps: the document is in order. */
export function configurationOf(document: tether.config.Config): Configuration {
  const { id, hostname, link, log, randomSeed } = document;
  const security = decodeSecurity(document);
  return {
    id,
    hostname,
    domainname: document.domainname,
    network: decodeNetwork(document),
    volumes: decodeVolumes(document.volumes),
    guestinfoPeriodMs: document.statistics?.guestinfoDisabled
      ? undefined
      : document.statistics?.guestinfoPeriodMs || DEFAULT_GUESTINFO_PERIOD_MS,
    hostTimeMs: document.hostTimeMs || undefined,
    randomSeed,
    extraHosts: document.extraHosts.map((entry) => ({
      address: entry.address ?? "",
      names: entry.names ?? [],
    })),
    nanoCpus: document.nanoCpus,
    pidsLimit: document.pidsLimit,
    shmBytes: document.shmBytes,
    session: decodeSession(document.session ?? {}, hostname, security),
    security,
    life: decodeLife(document),
    servesFilesOnly: document.serveFilesOnly,
    log: {
      maxBytes: log?.maxBytes ?? 0,
      isDisabled: log?.disabled ?? false,
      writtenBytes: log?.writtenBytes ?? 0,
    },
    link: {
      hostKey: link?.hostKey ?? "",
      clientPublicKey: link?.clientPublicKey ?? "",
      acknowledgeTimeoutMs: link?.acknowledgeTimeoutMs || DEFAULT_ACKNOWLEDGE_TIMEOUT_MS,
    },
  };
}

function decodeSession(
  session: tether.config.Session.$Properties,
  hostname: string,
  security: SecurityConfiguration,
): SessionSpecification {
  return {
    args: session.args ?? [],
    environment: session.env ?? [],
    workingDirectory: session.workingDirectory?.length ? session.workingDirectory : Uint8Array.of(SLASH),
    makesWorkingDirectory: true,
    user: session.user ?? "",
    groups: security.additionalGroups,
    tty: session.tty ?? false,
    openStdin: session.openStdin ?? false,
    stdinOnce: session.stdinOnce ?? false,
    window: decodeWindow(session.window),
    hostname,
    startAfterAttach: session.startAfterAttach ?? false,
    holdOutput: session.holdOutput ?? false,
    security: security.process,
  };
}

function decodeWindow(
  window: tether.config.WindowSize.$Properties | null | undefined,
): SessionSpecification["window"] {
  const columns = window?.columns ?? 0;
  const rows = window?.rows ?? 0;
  return columns === 0 || rows === 0 ? undefined : { columns, rows };
}

const SLASH = 0x2f;

function invalid(reason: string): TetherError {
  return new TetherError("guest-initialisation", `configuration: ${reason}`);
}
