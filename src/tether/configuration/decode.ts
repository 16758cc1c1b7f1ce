import { TetherError } from "../../protocol/errors/index.ts";
import { tether } from "../../protocol/generated/config.js";
import { CONFIGURATION_VERSION } from "../../protocol/link-names.ts";
import type { SessionSpecification } from "../../session/index.ts";
import { decodeLife, type Life } from "./decode-life.ts";
import { checkSecurity, type SecurityConfiguration } from "./decode-security.ts";

/** A document is a few KiB; the environment may add ARG_MAX's 2 MiB. More is an attack. */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const DEFAULT_ACKNOWLEDGE_TIMEOUT_MS = 30_000;
const MAX_HOSTNAME_BYTES = 64;
const MAX_SEED_BYTES = 512;

/** The configuration, checked: what the rest of the agent trusts. */
export interface Configuration {
  readonly id: string;
  readonly hostname: string;
  readonly extraHosts: ReadonlyArray<{ readonly address: string; readonly names: readonly string[] }>;
  /** Billionths of a CPU; 0 for no limit. */
  readonly nanoCpus: number;
  /** Processes and threads; 0 for as many as the VM can spare. */
  readonly pidsLimit: number;
  /** Size of /dev/shm; 0 for Docker's default. */
  readonly shmBytes: number;
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
 * Reads the document of proto/config.proto, gzip-compressed or plain.
 *
 * @throws TetherError `guest-initialisation` that names the field and what is wrong with it.
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
    return tether.config.Config.decode(isGzip(bytes) ? await decompress(bytes) : bytes);
  } catch (error) {
    throw TetherError.from(error, "guest-initialisation", "the configuration cannot be read");
  }
}

/**
 * Checks the document of a container.
 *
 * @throws TetherError `guest-initialisation` that names the field and what is wrong with it.
 */
export function checkConfiguration(document: tether.config.Config): Configuration {
  if (document.version !== CONFIGURATION_VERSION) {
    throw invalid("version", `is ${document.version}; this agent understands ${CONFIGURATION_VERSION}`);
  }
  if (document.template) throw invalid("template", "is set: this VM belongs to no container");
  const { id, hostname, link, randomSeed } = document;
  if (!/^[0-9a-f]{64}$/.test(id)) throw invalid("id", "is not 64 hexadecimal digits");
  if (hostname === "" || Buffer.byteLength(hostname) > MAX_HOSTNAME_BYTES || /[\s\0]/.test(hostname)) {
    throw invalid(
      "hostname",
      `${JSON.stringify(hostname)} is no host name of 1 to ${MAX_HOSTNAME_BYTES} bytes`,
    );
  }
  if (!link?.hostKey || !link.clientPublicKey) throw invalid("link", "lacks a key");
  if (randomSeed.length > MAX_SEED_BYTES)
    throw invalid("random_seed", `is longer than ${MAX_SEED_BYTES} bytes`);
  const security = checkSecurity(document);
  return {
    id,
    hostname,
    hostTimeMs: document.hostTimeMs || undefined,
    randomSeed,
    extraHosts: document.extraHosts.map((entry) => ({
      address: entry.address ?? "",
      names: entry.names ?? [],
    })),
    nanoCpus: document.nanoCpus,
    pidsLimit: document.pidsLimit,
    shmBytes: document.shmBytes,
    session: checkSession(document.session, hostname, security),
    security,
    life: decodeLife(document),
    servesFilesOnly: document.serveFilesOnly,
    log: {
      maxBytes: document.log?.maxBytes ?? 0,
      isDisabled: document.log?.disabled ?? false,
      writtenBytes: document.log?.writtenBytes ?? 0,
    },
    link: {
      hostKey: link.hostKey,
      clientPublicKey: link.clientPublicKey,
      acknowledgeTimeoutMs: link.acknowledgeTimeoutMs || DEFAULT_ACKNOWLEDGE_TIMEOUT_MS,
    },
  };
}

/** RFC 1952 section 2.3.1. No protobuf message of ours begins so: field 3 of wire type 7 does not exist. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** zlib is loaded only for who needs it: that takes 3 ms natively, several times that under TCG. */
async function decompress(bytes: Uint8Array): Promise<Uint8Array> {
  const { gunzipSync } = await import("node:zlib");
  return gunzipSync(bytes, { maxOutputLength: MAX_DOCUMENT_BYTES });
}

function checkSession(
  session: tether.config.Session.$Properties | null | undefined,
  hostname: string,
  security: SecurityConfiguration,
): SessionSpecification {
  const args = session?.args ?? [];
  const environment = session?.env ?? [];
  if (session === null || session === undefined || args.length === 0)
    throw invalid("session.args", "is empty");
  if ([...args, ...environment].some((text) => text.includes(0)))
    throw invalid("session", "holds a NUL byte");
  const directory = session.workingDirectory ?? new Uint8Array();
  if (directory.length > 0 && directory[0] !== SLASH)
    throw invalid("session.working_directory", "is not absolute");
  return {
    args,
    environment,
    workingDirectory: directory.length === 0 ? Uint8Array.of(SLASH) : directory,
    makesWorkingDirectory: true,
    user: session.user ?? "",
    groups: security.additionalGroups,
    tty: session.tty ?? false,
    openStdin: session.openStdin ?? false,
    stdinOnce: session.stdinOnce ?? false,
    window: checkWindow(session.window),
    hostname,
    startAfterAttach: session.startAfterAttach ?? false,
    holdOutput: session.holdOutput ?? false,
    security: security.process,
  };
}

function checkWindow(
  window: tether.config.WindowSize.$Properties | null | undefined,
): SessionSpecification["window"] {
  const columns = window?.columns ?? 0;
  const rows = window?.rows ?? 0;
  if (columns > 0xffff || rows > 0xffff) throw invalid("session.window", "is larger than 65535");
  return columns === 0 || rows === 0 ? undefined : { columns, rows };
}

const SLASH = 0x2f;

function invalid(field: string, reason: string): TetherError {
  return new TetherError("guest-initialisation", `configuration: ${field} ${reason}`);
}
