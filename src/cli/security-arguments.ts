import {
  NO_SECURITY_WORDS,
  parseSecuritySettings,
  type SecuritySettings,
} from "../portlayer/execution/index.ts";

/** What commander makes of Docker's security options. */
export interface SecurityOptions {
  readonly privileged?: true;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly securityOpt: readonly string[];
  readonly ulimit: readonly string[];
  readonly oomScoreAdj?: string;
  readonly groupAdd: readonly string[];
}

/** @throws TetherError `invalid-option` in Docker's words. */
export function makeSecurity(options: SecurityOptions): SecuritySettings {
  const { privileged = false, capAdd, capDrop, securityOpt, ulimit, groupAdd } = options;
  return parseSecuritySettings({
    ...NO_SECURITY_WORDS,
    privileged,
    capAdd,
    capDrop,
    securityOpt,
    ulimit,
    groupAdd,
    oomScoreAdj: Number(options.oomScoreAdj ?? 0),
  });
}
