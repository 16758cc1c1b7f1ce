import { DEFAULT_CAPABILITIES, DEFAULT_RESOURCE_LIMITS } from "./docker-defaults.ts";

/** Docker's security options of a container, checked: capabilities are names with `CAP_`, or `ALL`. */
export interface SecurityOptions {
  readonly privileged: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccompUnconfined: boolean;
  readonly resourceLimits: readonly ResourceLimit[];
  /** -1000 to 1000. */
  readonly oomScoreAdjustment: number;
}

/** setrlimit(2); -1 is no limit. */
export interface ResourceLimit {
  /** As prlimit(1) has it: `nofile`. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** What a process may do: part of its launch instructions. */
export interface ProcessSecurity {
  /** Names with `CAP_`, or everything that the kernel has: the bounding set, and root's own. */
  readonly capabilities: readonly string[] | "ALL";
  /** Docker's default seccomp profile, as it is for these capabilities. Without a word: yes. */
  readonly seccomp?: boolean;
  /** Without a word: no. */
  readonly noNewPrivileges?: boolean;
  /** `name:soft:hard`, as the launcher reads them. */
  readonly resourceLimits: readonly string[];
  /** -1000 to 1000; without a word 0, though the agent's own is lower. */
  readonly oomScoreAdjustment?: number;
}

/** What a container's processes may do, the main one and execs alike. */
export function makeProcessSecurity(options: SecurityOptions): ProcessSecurity {
  return {
    capabilities: options.privileged ? "ALL" : effectiveCapabilities(options),
    seccomp: !options.privileged && !options.seccompUnconfined,
    noNewPrivileges: options.noNewPrivileges,
    resourceLimits: mergeLimits(options.resourceLimits),
    oomScoreAdjustment: options.oomScoreAdjustment,
  };
}

/** Of a container that says nothing about it. */
export const DEFAULT_PROCESS_SECURITY: ProcessSecurity = makeProcessSecurity({
  privileged: false,
  capabilitiesAdded: [],
  capabilitiesDropped: [],
  noNewPrivileges: false,
  seccompUnconfined: false,
  resourceLimits: [],
  oomScoreAdjustment: 0,
});

/** `docker exec --privileged`: this one process has all capabilities and no filter. */
export function makePrivileged(security: ProcessSecurity): ProcessSecurity {
  return { ...security, capabilities: "ALL", seccomp: false };
}

/** Every capability of Linux 6.1 (capabilities(7), by number), for `ALL` less some. */
export const ALL_CAPABILITIES: readonly string[] =
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE \
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN \
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE \
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
    .split(" ")
    .map((name) => `CAP_${name}`);

/**
 * Docker's order (`docker run` reference, "Runtime privilege and Linux capabilities"): adding ALL is all but what is
 * dropped; dropping ALL leaves what is added; else what is dropped goes before what is added comes.
 */
function effectiveCapabilities({ capabilitiesAdded, capabilitiesDropped }: SecurityOptions): string[] {
  const added = new Set(capabilitiesAdded);
  const dropped = new Set(capabilitiesDropped);
  const kept = (names: readonly string[]): string[] => names.filter((name) => !dropped.has(name));
  if (added.has("ALL")) return kept(ALL_CAPABILITIES);
  if (dropped.has("ALL")) return [...added];
  return [...new Set([...kept(DEFAULT_CAPABILITIES), ...added])];
}

/** Of a limit that is given twice the last counts. */
function mergeLimits(limits: readonly ResourceLimit[]): string[] {
  const merged = new Map<string, string>(
    DEFAULT_RESOURCE_LIMITS.map((text) => [text.slice(0, text.indexOf(":")), text]),
  );
  for (const { name, soft, hard } of limits) merged.set(name, `${name}:${bound(soft)}:${bound(hard)}`);
  return [...merged.values()];
}

function bound(value: number): string {
  return value === -1 ? "unlimited" : String(value);
}
