import type { tether } from "../../generated/config.js";
import type { Problems } from "../problems.ts";

/** More often the host would have nothing else to do; more seldom nobody would look. */
const LEAST_PERIOD_MS = 1000;
const MOST_PERIOD_MS = 3_600_000;

/** The message StatisticsOptions. */
export function checkStatistics(
  options: tether.config.StatisticsOptions.$Properties | null | undefined,
  problems: Problems,
): void {
  const period = options?.guestinfoPeriodMs ?? 0;
  if (period !== 0 && (period < LEAST_PERIOD_MS || period > MOST_PERIOD_MS))
    problems.at("guestinfo_period_ms").add(`is ${period}, not 0 or ${LEAST_PERIOD_MS} to ${MOST_PERIOD_MS}`);
}
