import type { tether } from "../../protocol/generated/config.js";
import { makeProcessSecurity, type ProcessSecurity } from "../../session/index.ts";

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

/** Maps the fields `security`, `sysctls` and `read_only_root` of a document that is in order. */
export function decodeSecurity(document: tether.config.Config): SecurityConfiguration {
  const security = document.security ?? {};
  const privileged = security.privileged ?? false;
  return {
    privileged,
    process: makeProcessSecurity({
      privileged,
      capabilitiesAdded: security.capAdd ?? [],
      capabilitiesDropped: security.capDrop ?? [],
      noNewPrivileges: security.noNewPrivileges ?? false,
      seccompUnconfined: security.seccompUnconfined ?? false,
      seccompProgram: security.seccompProgram?.length ? security.seccompProgram : undefined,
      resourceLimits: (security.ulimits ?? []).map(({ name, soft, hard }) => ({
        name: name ?? "",
        soft: soft ?? 0,
        hard: hard ?? 0,
      })),
      oomScoreAdjustment: security.oomScoreAdj ?? 0,
    }),
    additionalGroups: security.groups ?? [],
    sysctls: new Map(Object.entries(document.sysctls)),
    readOnlyRoot: document.readOnlyRoot,
  };
}
