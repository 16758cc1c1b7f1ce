import { TetherError } from "../../protocol/errors/index.ts";
import type { tether } from "../../protocol/generated/config.js";
import { parseSignal } from "../../protocol/signals.ts";
import type { HealthCheck, RestartPolicy } from "../../session/index.ts";

/** Docker's: how long `stop` waits before SIGKILL. */
const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** Docker's defaults of a health check. */
const HEALTH_DEFAULTS = {
  intervalMs: 30_000,
  timeoutMs: 30_000,
  startIntervalMs: 5000,
  retries: 3,
} as const;

/** The numbers of config.proto's RestartPolicy.Kind. */
const RESTART_KINDS: ReadonlyArray<RestartPolicy["kind"]> = ["no", "on-failure", "always", "unless-stopped"];

/** How the container lives, beside what it runs. */
export interface Life {
  readonly restart: RestartPolicy;
  readonly health: HealthCheck | undefined;
  readonly stopSignal: number;
  readonly stopTimeoutMs: number;
}

/** Of a document that is in order. */
export function decodeLife({ restart, health, session }: tether.config.Config): Life {
  return {
    restart: decodeRestartPolicy(restart?.kind ?? 0, restart?.maximumRetryCount ?? 0),
    health: health === null || health === undefined ? undefined : decodeHealth(health),
    stopSignal: parseSignal(session?.stopSignal || "SIGTERM"),
    stopTimeoutMs: session?.stopTimeoutMs || DEFAULT_STOP_TIMEOUT_MS,
  };
}

/** @throws TetherError `invalid-option` for a kind that does not exist. */
export function decodeRestartPolicy(kind: number, maximumRetryCount: number): RestartPolicy {
  const name = RESTART_KINDS[kind];
  if (name === undefined) throw new TetherError("invalid-option", `invalid restart policy: ${kind}`);
  return { kind: name, maximumRetryCount };
}

function decodeHealth(health: tether.config.HealthCheck.$Properties): HealthCheck {
  return {
    args: health.args ?? [],
    intervalMs: health.intervalMs || HEALTH_DEFAULTS.intervalMs,
    timeoutMs: health.timeoutMs || HEALTH_DEFAULTS.timeoutMs,
    startPeriodMs: health.startPeriodMs ?? 0,
    startIntervalMs: health.startIntervalMs || HEALTH_DEFAULTS.startIntervalMs,
    retries: health.retries || HEALTH_DEFAULTS.retries,
  };
}
