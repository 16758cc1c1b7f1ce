import type { WindowSize } from "../system/system.ts";

/** What a session runs, checked and normalised; the configuration is parsed into this once and then trusted. */
export interface SessionSpecification {
  /** Command and arguments: any bytes but NUL; at least one. */
  readonly args: readonly Uint8Array[];
  /** `KEY=VALUE`, in the order in which they were given. */
  readonly environment: readonly Uint8Array[];
  /** Absolute path in the container. */
  readonly workingDirectory: Uint8Array;
  /** `user[:group]`, names or numbers; empty for 0:0. */
  readonly user: string;
  readonly tty: boolean;
  /** Standard input is open for attached clients; else it reads as empty. */
  readonly openStdin: boolean;
  /** Standard input ends with the first attached client's. */
  readonly stdinOnce: boolean;
  /** The terminal's first size. */
  readonly window: WindowSize | undefined;
  /** Becomes HOSTNAME in the environment. */
  readonly hostname: string;
}
