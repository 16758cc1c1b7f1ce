import type { HealthCheck } from "../../portlayer/execution/index.ts";
import { ApiError } from "../http/api-error.ts";
import type { FieldReader } from "./fields.ts";

const NANOS_PER_MS = 1e6;

/** `Config.Healthcheck`. @returns undefined for the image's own. @throws ApiError 400 in dockerd's words. */
export function readHealth(fields: FieldReader): HealthCheck | undefined {
  const retries = fields.number("Retries");
  if (retries < 0) throw new ApiError(400, "Retries in Healthcheck cannot be negative");
  const health = {
    test: fields.texts("Test"),
    intervalMs: readTime(fields, "Interval"),
    timeoutMs: readTime(fields, "Timeout"),
    startPeriodMs: readTime(fields, "StartPeriod"),
    startIntervalMs: readTime(fields, "StartInterval"),
    retries,
  };
  fields.end();
  const { test, ...numbers } = health;
  const isGiven = test.length > 0 || Object.values(numbers).some((number) => number > 0);
  return isGiven ? health : undefined;
}

/** Nanoseconds, of which Docker wants a million at least. */
function readTime(fields: FieldReader, name: string): number {
  const nanos = fields.number(name);
  if (nanos !== 0 && nanos < NANOS_PER_MS)
    throw new ApiError(400, `${name} in Healthcheck cannot be less than 1ms`);
  return Math.round(nanos / NANOS_PER_MS);
}
