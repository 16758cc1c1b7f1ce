import { z } from "zod";
import { interfaceSettingsSchema, NO_RESOLVER, resolverSettingsSchema } from "../networking/index.ts";
import { mountSettingsSchema } from "../storage/index.ts";
import { parseSecurity, type SecurityWords } from "./security-options.ts";

/** Docker's names of the restart policies. */
export const RESTART_POLICIES = ["no", "on-failure", "always", "unless-stopped"] as const;

const restartPolicySchema = z.object({
  name: z.enum(RESTART_POLICIES),
  /** For `on-failure`; 0 is no limit. */
  maximumRetryCount: z.number().int().min(0),
});

/** Docker's HEALTHCHECK; a time of 0 is Docker's default. */
const healthCheckSchema = z.object({
  /** As Docker keeps it: `CMD` and words, or `CMD-SHELL` and one line; `NONE` or nothing for none. */
  test: z.array(z.string()),
  /** For `CMD-SHELL`; undefined for /bin/sh -c. */
  shell: z.array(z.string()).optional(),
  intervalMs: z.number().int().min(0),
  timeoutMs: z.number().int().min(0),
  startPeriodMs: z.number().int().min(0),
  startIntervalMs: z.number().int().min(0),
  retries: z.number().int().min(0),
});

const logSchema = z.object({
  /** The size at which the log is rotated; 0 for no limit. */
  maxBytes: z.number().int().min(0),
  /** How many files there may be, the present one included. */
  maxFiles: z.number().int().min(1),
  /** `--log-driver none`. */
  isDisabled: z.boolean(),
});

const ulimitSchema = z.object({ name: z.string(), soft: z.number().int(), hard: z.number().int() });

const securitySchema = z.object({
  privileged: z.boolean(),
  capAdd: z.array(z.string()),
  capDrop: z.array(z.string()),
  noNewPrivileges: z.boolean(),
  seccompUnconfined: z.boolean(),
  /** A profile of the user's: Docker's JSON, as it was given. */
  seccompProfile: z.string().optional(),
  /** The filter that was made of it, in base64. */
  seccompProgram: z.string().optional(),
  ulimits: z.array(ulimitSchema),
  oomScoreAdj: z.number().int(),
  groups: z.array(z.string()),
});

/** Everything that a start of a container needs, with the image's own configuration merged in: kept for every further start. */
export const containerSettingsSchema = z.object({
  hostname: z.string(),
  /** The command and its arguments: the entrypoint and behind it the command. */
  args: z.array(z.string()),
  /** Docker's `Config.Entrypoint` and `Config.Cmd`, of which the arguments are made. */
  entrypoint: z.array(z.string()),
  command: z.array(z.string()),
  environment: z.array(z.string()),
  workingDirectory: z.string(),
  user: z.string(),
  stopSignal: z.string(),
  /** How long `stop` waits; undefined for Docker's 10 s. */
  stopTimeoutMs: z.number().int().min(0).optional(),
  nanoCpus: z.number().int().min(0),
  /** Docker's PidsLimit; 0 for as many processes as the VM can spare. */
  pidsLimit: z.number().int().min(0).default(0),
  /** Size of /dev/shm; 0 for Docker's default. */
  shmBytes: z.number().int().min(0).default(0),
  /** Lines for /etc/hosts. */
  extraHosts: z.array(z.object({ name: z.string(), address: z.string() })).default([]),
  /** The vNICs; none: the container has the loopback. */
  interfaces: z.array(interfaceSettingsSchema).default([]),
  /** Volumes and memory beside the container's own disk. */
  mounts: z.array(mountSettingsSchema).default([]),
  /** What resolv.conf has beside what the vNICs bring. */
  resolver: resolverSettingsSchema.default(NO_RESOLVER),
  /** Empty: none. */
  domainname: z.string().default(""),
  tty: z.boolean(),
  openStdin: z.boolean(),
  stdinOnce: z.boolean(),
  restart: restartPolicySchema,
  health: healthCheckSchema.optional(),
  log: logSchema,
  security: securitySchema,
  sysctls: z.record(z.string(), z.string()),
  readOnlyRoot: z.boolean(),
  labels: z.record(z.string(), z.string()),
  /** The image's disk, below the container's own. */
  imageDisk: z.string(),
  acceleration: z.enum(["auto", "kvm", "tcg"]),
  hardware: z.enum(["virtio", "vmware"]),
  boot: z.enum(["kernel", "iso-bios", "iso-uefi"]),
  start: z.enum(["forked", "cold"]),
  startTimeoutMs: z.number().positive(),
  /** Removed once it has ended. */
  autoRemove: z.boolean(),
});

export type ContainerSettings = z.infer<typeof containerSettingsSchema>;
export type RestartPolicy = z.infer<typeof restartPolicySchema>;
export type HealthCheck = z.infer<typeof healthCheckSchema>;
export type LogSettings = z.infer<typeof logSchema>;
export type SecuritySettings = z.infer<typeof securitySchema>;

/** What `docker run` gives to a container that asks for nothing. */
export const DEFAULT_SECURITY: SecuritySettings = {
  privileged: false,
  capAdd: [],
  capDrop: [],
  noNewPrivileges: false,
  seccompUnconfined: false,
  ulimits: [],
  oomScoreAdj: 0,
  groups: [],
};
/** Whether there is something to run. */
export function isChecked(health: HealthCheck | undefined): health is HealthCheck {
  const [kind, word] = health?.test ?? [];
  return word !== undefined && (kind === "CMD" || kind === "CMD-SHELL");
}

export const NO_RESTART: RestartPolicy = { name: "no", maximumRetryCount: 0 };
/** Docker's json-file: no limit, one file. */
export const DEFAULT_LOG: LogSettings = { maxBytes: 0, maxFiles: 1, isDisabled: false };

/**
 * Docker's security options as a container's settings have them.
 *
 * @throws TetherError `invalid-option` in Docker's words.
 */
export function parseSecuritySettings(words: SecurityWords): SecuritySettings {
  // The document's own type leaves out what is at its default.
  return securitySchema.parse({ ...DEFAULT_SECURITY, ...parseSecurity(words) });
}
