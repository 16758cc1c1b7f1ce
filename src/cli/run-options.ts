import { InvalidArgumentError } from "commander";
import type { AccelerationRequest, Hardware } from "../hypervisor/index.ts";
import type { BootMedium, RunRequest, StartKind } from "../portlayer/execution/index.ts";
import { TetherError } from "../protocol/errors/index.ts";
import { parseSize } from "./parse-size.ts";

/** What commander makes of `vch run`'s options. */
export interface RunOptions {
  readonly interactive?: true;
  readonly tty?: true;
  readonly rm?: true;
  readonly name?: string;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly hostname?: string;
  readonly entrypoint?: string;
  readonly stopSignal?: string;
  readonly memory: string;
  readonly cpus?: number;
  readonly accel: AccelerationRequest;
  readonly hardware: Hardware;
  readonly boot: BootMedium;
  readonly start: StartKind;
  readonly timeout?: number;
  readonly startTimeout: number;
}

/** Enough for small services and twice what a Debian shell needs; memory that is not touched costs nothing. */
export const DEFAULT_MEMORY = "512m";

/** Under emulation, on a busy machine, a start has taken 20 s. */
export const DEFAULT_START_TIMEOUT_S = 120;

/**
 * What a Linux kernel with the agent needs to start and run a small process: measured by `npm run bench`
 * (smallest memory that still runs /bin/true).
 */
export const MINIMUM_MEMORY_BYTES = 96 * 1024 * 1024;

/**
 * Turns options into a request.
 *
 * @throws TetherError `memory-too-small`, `invalid-option`.
 */
export function makeRunRequest(
  image: string,
  command: readonly string[],
  options: RunOptions,
  environment: readonly string[],
): RunRequest {
  const memoryBytes = parseSize(options.memory);
  if (memoryBytes < MINIMUM_MEMORY_BYTES) {
    throw new TetherError(
      "memory-too-small",
      `-m ${options.memory}: a container VM needs at least ${MINIMUM_MEMORY_BYTES / 1024 / 1024}m for its kernel and agent`,
    );
  }
  return {
    image,
    command,
    name: options.name,
    entrypoint: options.entrypoint,
    environment,
    user: options.user,
    workingDirectory: options.workdir,
    hostname: options.hostname,
    stopSignal: options.stopSignal,
    tty: options.tty ?? false,
    openStdin: options.interactive ?? false,
    remove: options.rm ?? false,
    memoryBytes,
    cpus: options.cpus,
    acceleration: options.accel,
    hardware: options.hardware,
    boot: options.boot,
    start: options.start,
    timeoutMs: options.timeout === undefined ? undefined : options.timeout * 1000,
    startTimeoutMs: options.startTimeout * 1000,
  };
}

/** A number of CPUs: a fraction is fine, zero is not. */
export function parseCpus(text: string): number {
  const cpus = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || cpus < 0.01 || cpus > 64)
    throw new InvalidArgumentError("a number from 0.01 to 64 is needed.");
  return cpus;
}

/** A number of seconds above zero. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d*\.?\d+$/.test(text) || seconds <= 0 || seconds > 2_000_000)
    throw new InvalidArgumentError("a number of seconds is needed.");
  return seconds;
}
