import type { WindowSize } from "../system/system.ts";
import type { ProcessSecurity } from "./security.ts";

/** What a session runs, checked and normalised; the configuration is parsed into this once and then trusted. */
export interface SessionSpecification {
  /** Command and arguments: any bytes but NUL; at least one. */
  readonly args: readonly Uint8Array[];
  /** `KEY=VALUE`, in the order in which they were given. */
  readonly environment: readonly Uint8Array[];
  /** Absolute path in the container; `undefined` for the user's home. */
  readonly workingDirectory: Uint8Array | undefined;
  /** A missing working directory is made. */
  readonly makesWorkingDirectory: boolean;
  /** `user[:group]`, names or numbers; empty for 0:0. */
  readonly user: string;
  /** Supplementary groups beside the user's own, names or numbers. */
  readonly groups: readonly string[];
  readonly tty: boolean;
  /** Standard input is open for attached clients; else it reads as empty. */
  readonly openStdin: boolean;
  /** Standard input ends with the first attached client's. */
  readonly stdinOnce: boolean;
  /** The terminal's first size. */
  readonly window: WindowSize | undefined;
  /** Becomes HOSTNAME in the environment. */
  readonly hostname: string;
  /** The process waits for its first client. */
  readonly startAfterAttach: boolean;
  /** The process does not wait, but its output is kept for the first client. */
  readonly holdOutput: boolean;
  readonly security: ProcessSecurity;
}
