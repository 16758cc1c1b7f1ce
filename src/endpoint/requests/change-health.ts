import { ApiError } from "../http/api-error.ts";
import { parseGoDuration } from "./image-filters.ts";

const INTERVALS: Readonly<Record<string, string>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
};

const NANOS_PER_MS = 1e6;

/**
 * Reads what stands behind `HEALTHCHECK`, as dockerd does (BuildKit, frontend/dockerfile/instructions/parse.go).
 *
 * @param readJsonWords undefined for what is no list of words in JSON.
 * @throws ApiError 400 in dockerd's words.
 */
export function readHealthCheck(text: string, readJsonWords: (text: string) => string[] | undefined): object {
  const options: Record<string, number> = {};
  let rest = text;
  for (;;) {
    const [all, name = "", value = ""] = /^--([a-z-]+)=(\S+)\s+/.exec(rest) ?? [];
    if (all === undefined) break;
    const interval = INTERVALS[name];
    if (interval !== undefined) options[interval] = readInterval(name, value);
    else if (name === "retries") options["Retries"] = readRetries(value);
    else throw new ApiError(400, `Unknown flag: ${name}`);
    rest = rest.slice(all.length);
  }
  const [, kind = "", command = ""] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === "NONE" && command === "") return { Test: ["NONE"] };
  if (kind.toUpperCase() !== "CMD" || command === "")
    throw new ApiError(400, `Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  const words = readJsonWords(command);
  return { Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words], ...options };
}

/** @returns nanoseconds. */
function readInterval(name: string, value: string): number {
  const ms = parseGoDuration(value);
  if (ms === undefined) throw new ApiError(400, `time: invalid duration ${JSON.stringify(value)}`);
  if (ms < 1) throw new ApiError(400, `Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return Math.round(ms * NANOS_PER_MS);
}

function readRetries(value: string): number {
  if (!/^[+-]?\d{1,9}$/.test(value))
    throw new ApiError(400, `strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  const retries = Number(value);
  if (retries < 1) throw new ApiError(400, `--retries must be at least 1 (not ${retries})`);
  return retries;
}
