import { effectiveCapabilities } from "../protocol/capabilities.ts";
import { DEFAULT_RESOURCE_LIMITS } from "./docker-defaults.ts";

/** Docker's security options of a container, checked: capabilities are names with `CAP_`, or `ALL`. */
export interface SecurityOptions {
  readonly privileged: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccompUnconfined: boolean;
  /** A filter in place of Docker's, as the kernel takes it. */
  readonly seccompProgram?: Uint8Array | undefined;
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
  /** Docker's default seccomp profile, as it is for these capabilities, or a filter in its place. Without a word: yes. */
  readonly seccomp?: boolean | Uint8Array;
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
    seccomp: options.seccompProgram ?? (!options.privileged && !options.seccompUnconfined),
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
