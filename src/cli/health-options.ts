import { TetherError } from "../protocol/errors/index.ts";
import type { HealthCheck } from "../portlayer/execution/index.ts";

/** What commander makes of the options that Docker begins with `--health-`. Times are in milliseconds. */
export interface HealthOptions {
  readonly healthCmd?: string;
  readonly healthInterval?: number;
  readonly healthTimeout?: number;
  readonly healthStartPeriod?: number;
  readonly healthStartInterval?: number;
  readonly healthRetries?: number;
  /** False for `--no-healthcheck`. */
  readonly healthcheck?: boolean;
}

/** @throws TetherError `invalid-option` in Docker's words. */
export function makeHealthCheck(options: HealthOptions): HealthCheck | undefined {
  const { healthCmd, healthInterval, healthTimeout, healthStartPeriod, healthStartInterval, healthRetries } =
    options;
  // As with Docker, an empty command and a time of 0 are as good as none.
  const times = [healthInterval, healthTimeout, healthStartPeriod, healthStartInterval];
  const isGiven = [healthCmd, ...times, healthRetries].some(Boolean);
  if (options.healthcheck === false) {
    if (isGiven)
      throw new TetherError("invalid-option", "--no-healthcheck conflicts with --health-* options");
    return { ...EMPTY, test: ["NONE"] };
  }
  if (!isGiven) return undefined;
  return {
    // Without a command the times are for the image's own check.
    test: healthCmd ? ["CMD-SHELL", healthCmd] : [],
    intervalMs: healthInterval ?? 0,
    timeoutMs: healthTimeout ?? 0,
    startPeriodMs: healthStartPeriod ?? 0,
    startIntervalMs: healthStartInterval ?? 0,
    retries: healthRetries ?? 0,
  };
}

const EMPTY = { intervalMs: 0, timeoutMs: 0, startPeriodMs: 0, startIntervalMs: 0, retries: 0 };
