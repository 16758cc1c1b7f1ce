import { DEFAULT_SECURITY, type SecuritySettings } from "../portlayer/execution/index.ts";

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

export function makeSecurity(options: SecurityOptions): SecuritySettings {
  return {
    ...DEFAULT_SECURITY,
    privileged: options.privileged ?? false,
    capAdd: [...options.capAdd],
    capDrop: [...options.capDrop],
    groups: [...options.groupAdd],
  };
}
