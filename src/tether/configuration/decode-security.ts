import { TetherError } from "../../protocol/errors/index.ts";
import type { tether } from "../../protocol/generated/config.js";
import { ALL_CAPABILITIES } from "../../protocol/capabilities.ts";
import { makeProcessSecurity, type ProcessSecurity, type ResourceLimit } from "../../session/index.ts";

/** What the document says of the container's rights, checked. */
export interface SecurityConfiguration {
  /** `docker run --privileged`: besides `process`, nothing is masked and every device is there. */
  readonly privileged: boolean;
  /** Of the main process, and of execs that are not privileged themselves. */
  readonly process: ProcessSecurity;
  /** `--group-add`: names or numbers, looked up in the container. */
  readonly additionalGroups: readonly string[];
  readonly sysctls: ReadonlyMap<string, string>;
  readonly readOnlyRoot: boolean;
}

const MAX_OOM_SCORE = 1000;

/** Names of prlimit(1) that Docker knows, and so does the launcher. */
const LIMITS = new Set(
  "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  ),
);

/**
 * Checks the fields `security`, `sysctls` and `read_only_root`.
 *
 * @throws TetherError `guest-initialisation` that names the field and what is wrong with it.
 */
export function checkSecurity(document: tether.config.Config): SecurityConfiguration {
  const security = document.security ?? {};
  const oomScoreAdjustment = security.oomScoreAdj ?? 0;
  if (Math.abs(oomScoreAdjustment) > MAX_OOM_SCORE)
    throw invalid("security.oom_score_adj", `${oomScoreAdjustment} is not between -1000 and 1000`);
  const privileged = security.privileged ?? false;
  return {
    privileged,
    process: makeProcessSecurity({
      privileged,
      capabilitiesAdded: checkCapabilities("security.cap_add", security.capAdd ?? []),
      capabilitiesDropped: checkCapabilities("security.cap_drop", security.capDrop ?? []),
      noNewPrivileges: security.noNewPrivileges ?? false,
      seccompUnconfined: security.seccompUnconfined ?? false,
      seccompProgram: checkProgram(security.seccompProgram ?? new Uint8Array()),
      resourceLimits: (security.ulimits ?? []).map(checkLimit),
      oomScoreAdjustment,
    }),
    additionalGroups: security.groups ?? [],
    sysctls: new Map(Object.entries(document.sysctls)),
    readOnlyRoot: document.readOnlyRoot,
  };
}

function checkCapabilities(field: string, names: readonly string[]): string[] {
  for (const name of names) {
    if (name !== "ALL" && !ALL_CAPABILITIES.includes(name))
      throw invalid(field, `${JSON.stringify(name)} is no capability`);
  }
  return [...names];
}

function checkProgram(program: Uint8Array): Uint8Array | undefined {
  if (program.length % INSTRUCTION_BYTES !== 0 || program.length > MOST_INSTRUCTIONS * INSTRUCTION_BYTES)
    throw invalid("security.seccomp_program", `is no filter: ${program.length} bytes`);
  return program.length === 0 ? undefined : program;
}

/** struct sock_filter and BPF_MAXINSNS (linux/filter.h, linux/bpf_common.h). */
const INSTRUCTION_BYTES = 8;
const MOST_INSTRUCTIONS = 4096;

function checkLimit(limit: tether.config.Ulimit.$Properties): ResourceLimit {
  const name = limit.name ?? "";
  const soft = limit.soft ?? 0;
  const hard = limit.hard ?? 0;
  if (!LIMITS.has(name)) throw invalid("security.ulimits", `${JSON.stringify(name)} is no resource limit`);
  if (soft < -1 || hard < -1) throw invalid("security.ulimits", `${name} is below -1`);
  return { name, soft, hard };
}

function invalid(field: string, reason: string): TetherError {
  return new TetherError("guest-initialisation", `configuration: ${field} ${reason}`);
}
