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
