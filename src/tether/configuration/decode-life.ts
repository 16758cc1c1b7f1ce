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

/** @throws TetherError `guest-initialisation` that names the field. */
export function decodeLife({ restart, health, session }: tether.config.Config): Life {
  return {
    restart: decodeRestartPolicy(restart?.kind ?? 0, restart?.maximumRetryCount ?? 0),
    health: health === null || health === undefined ? undefined : decodeHealth(health),
    stopSignal: decodeStopSignal(session?.stopSignal ?? ""),
    stopTimeoutMs: session?.stopTimeoutMs || DEFAULT_STOP_TIMEOUT_MS,
  };
}

/** @throws TetherError `guest-initialisation` for a kind that does not exist. */
export function decodeRestartPolicy(kind: number, maximumRetryCount: number): RestartPolicy {
  const name = RESTART_KINDS[kind];
  if (name === undefined) throw invalid("restart.kind", `is ${kind}`);
  return { kind: name, maximumRetryCount };
}

function decodeHealth(health: tether.config.HealthCheck.$Properties): HealthCheck {
  const args = health.args ?? [];
  if (args.length === 0) throw invalid("health.args", "is empty");
  return {
    args,
    intervalMs: health.intervalMs || HEALTH_DEFAULTS.intervalMs,
    timeoutMs: health.timeoutMs || HEALTH_DEFAULTS.timeoutMs,
    startPeriodMs: health.startPeriodMs ?? 0,
    startIntervalMs: health.startIntervalMs || HEALTH_DEFAULTS.startIntervalMs,
    retries: health.retries || HEALTH_DEFAULTS.retries,
  };
}

function decodeStopSignal(name: string): number {
  try {
    return parseSignal(name === "" ? "SIGTERM" : name);
  } catch {
    throw invalid("session.stop_signal", `${JSON.stringify(name)} is no signal`);
  }
}

function invalid(field: string, reason: string): TetherError {
  return new TetherError("guest-initialisation", `configuration: ${field} ${reason}`);
}
