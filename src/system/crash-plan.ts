import { constants } from "node:os";
import type { Text } from "./system.ts";

/** Every signal that a fault raises or abort(3) sends; V8 ends with one of them when it fails an assertion. */
export const FATAL_SIGNALS: readonly number[] = [
  constants.signals.SIGSEGV,
  constants.signals.SIGBUS,
  constants.signals.SIGILL,
  constants.signals.SIGFPE,
  constants.signals.SIGABRT,
  constants.signals.SIGTRAP,
  constants.signals.SIGSYS,
];

/** The environment variable that tells the program that a crash executes why it runs: `SIGSEGV`, `exit 7`. */
export const CRASH_VARIABLE = "TETHER_CRASH";

/**
 * The environment variable that an agent finds which is to take over from one of another image, until it is confirmed:
 * a {@link Takeover}.
 */
export const UPGRADE_VARIABLE = "TETHER_UPGRADE";

/** What an agent is told that takes over from one of another image, as JSON in {@link UPGRADE_VARIABLE}. */
export interface Takeover {
  /** Descriptor of the root of the agent before. */
  readonly oldRoot: number;
  /** Where the image of this one is mounted in that. */
  readonly image: string;
}

/** Another agent to go on with; execve(2). */
export interface Upgrade {
  /** Descriptor of the directory that is to be its root. */
  readonly root: number;
  /** Descriptor of the present root. */
  readonly oldRoot: number;
  /** In its root. */
  readonly path: string;
  readonly args: readonly Text[];
  readonly env: readonly Text[];
  /** Seconds, 1 to 3600: then SIGALRM comes, unless `System.settleUpgrade` was called before. */
  readonly limitS: number;
}

/** The way back to an agent of the image before. */
export interface HandBack {
  /** Descriptor of its root, which is close-on-exec. */
  readonly root: number;
  /** Its program, in that root. */
  readonly path: string;
}

/** What happens when the agent crashes; fixed beforehand, because hardly anything can be done in a crash. */
export interface CrashPlan {
  /** The program, as execve(2) takes it: `/proc/self/exe` executes the running one. */
  readonly path: string;
  readonly args: readonly Text[];
  /** {@link CRASH_VARIABLE} is added. */
  readonly env: readonly Text[];
  /** Signal numbers; {@link FATAL_SIGNALS}. */
  readonly signals: readonly number[];
  /** Descriptor from `System.makeCrashRecord`: the crash is noted there. */
  readonly record?: number;
  /** When the program cannot be executed: power the machine off (as PID 1), or exit with status 126. */
  readonly powersOff: boolean;
  /** exit(3), too, is a crash: PID 1 must not end. */
  readonly atExit: boolean;
  /** This is executed instead, with a reason that begins with `upgrade failed: `, until `System.settleUpgrade`. */
  readonly handBack?: HandBack;
}

/** The crashes of an agent and those before it. */
export interface CrashRecord {
  readonly count: number;
  /** At most 16, the oldest first. */
  readonly latest: readonly Crash[];
}

/** One crash. */
export interface Crash {
  /** As in {@link CRASH_VARIABLE}. */
  readonly reason: string;
  /** CLOCK_MONOTONIC, as process.hrtime; it goes on over a crash. */
  readonly monotonicMs: number;
  /** 0 when it was no signal. */
  readonly signal: number;
  /** `si_code`, sigaction(2): above 0 a fault, else it was sent. */
  readonly signalCode: number;
  /** The address of a fault. */
  readonly address: number;
}
